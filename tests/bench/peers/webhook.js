// The webhook function as one would write it for Lambda in Node: signature over the raw body, then the queue, then 200.
import { createHmac, timingSafeEqual } from "node:crypto";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";

const sqs = new SQSClient({});
const secret = process.env.BLAND_WEBHOOK_SECRET;
const queue = process.env.REDIAL_CALLS_QUEUE_URL;

const answer = (statusCode, body) => ({
  statusCode,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});

const fits = (signature, body) => {
  const expected = createHmac("sha256", secret).update(body).digest();
  const given = Buffer.from(signature, "hex");
  return given.length === expected.length && timingSafeEqual(given, expected);
};

export const handler = async (event) => {
  const body = Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8");
  const signature = event.headers?.["x-webhook-signature"];
  if (!signature || !fits(signature, body)) {
    return answer(401, { success: false, code: "bad_signature" });
  }
  const text = body.toString("utf8");
  try {
    JSON.parse(text);
  } catch {
    return answer(400, { success: false, code: "body_not_readable" });
  }
  const message = { v: 1, received_at: Date.now(), kind: "webhook", provider: "bland", body: text };
  try {
    await sqs.send(new SendMessageCommand({ QueueUrl: queue, MessageBody: JSON.stringify(message) }));
  } catch (error) {
    console.error("not stored", error);
    return answer(503, { success: false, code: "not_stored" });
  }
  return answer(200, { success: true });
};
