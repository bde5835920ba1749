// A loop over Lambda's Runtime API. The official client for Node builds C++ at its installation, so this stands in for it.
import http from "node:http";
import { handler } from "./webhook.js";

const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const base = "/2018-06-01/runtime";
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

const ask = (method, path, body) =>
  new Promise((resolve, reject) => {
    const request = http.request({ host, port, method, path: base + path, agent }, (response) => {
      const parts = [];
      response.on("data", (part) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => resolve({ headers: response.headers, text: Buffer.concat(parts).toString("utf8") }));
    });
    request.on("error", reject);
    request.end(body);
  });

const run = async () => {
  // Ends with the server: the next request is refused then.
  for (;;) {
    const next = await ask("GET", "/invocation/next");
    const id = next.headers["lambda-runtime-aws-request-id"];
    try {
      const result = await handler(JSON.parse(next.text));
      await ask("POST", `/invocation/${id}/response`, JSON.stringify(result));
    } catch (error) {
      const told = { errorType: error.name, errorMessage: error.message, stackTrace: [] };
      await ask("POST", `/invocation/${id}/error`, JSON.stringify(told));
    }
  }
};

run().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
