"""The webhook function as one would write it for Lambda in Python: signature over the raw body, then the queue, then 200."""

import base64
import hashlib
import hmac
import json
import os
import time

import boto3

SECRET = os.environ["BLAND_WEBHOOK_SECRET"].encode()
QUEUE = os.environ["REDIAL_CALLS_QUEUE_URL"]
sqs = boto3.client("sqs")


def answer(status, body):
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}


def handler(event, context):
    body = event.get("body") or ""
    raw = base64.b64decode(body) if event.get("isBase64Encoded") else body.encode()
    signature = (event.get("headers") or {}).get("x-webhook-signature", "")
    expected = hmac.new(SECRET, raw, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(signature.encode(), expected.encode()):
        return answer(401, {"success": False, "code": "bad_signature"})
    try:
        json.loads(raw)
    except ValueError:
        return answer(400, {"success": False, "code": "body_not_readable"})
    message = {
        "v": 1,
        "received_at": int(time.time() * 1000),
        "kind": "webhook",
        "provider": "bland",
        "body": raw.decode(),
    }
    try:
        sqs.send_message(QueueUrl=QUEUE, MessageBody=json.dumps(message))
    except Exception as error:
        print("not stored", error)
        return answer(503, {"success": False, "code": "not_stored"})
    return answer(200, {"success": True})
