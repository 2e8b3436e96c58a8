import assert from "node:assert/strict";
import { test } from "node:test";
import { usageOf } from "./usage.ts";

const TABLE = { requests: 30, writeUnits: 200, readUnits: 40.5, ms: 90 };
const LOGS = [
  { invocations: [{ durationMs: 999.5, billedMs: 1_000, memoryMb: 1024 }], bytes: 1024 ** 3 },
  { invocations: [{ durationMs: 500, billedMs: 500, memoryMb: 1024 }], bytes: 0 },
];

test("what was counted becomes what is billed", () => {
  const counts = {
    "sqs.SendMessageBatch": 3,
    "sqs.SendMessageBatch#items": 25,
    "sqs.ChangeMessageVisibility": 2,
    "sqs.ReceiveMessage": 6,
    "events.PutEvents#items": 12,
    "s3.PutObject": 4,
    "s3.ListObjectsV2": 1,
    "s3.GetObject": 5,
    "s3.HeadObject": 6,
    "secretsmanager.GetSecretValue": 2,
    "lambda.Invoke:Sweep": 9,
  };
  const { usage, messages, functionMs } = usageOf(counts, LOGS, TABLE);
  assert.deepEqual(usage, {
    writeUnits: 200,
    readUnits: 40.5,
    invocations: 2,
    gigabyteSeconds: 1.5,
    // Sent in 3 requests, made visible later in 2, received and deleted 2 times each; the command was sent by the bus.
    queueRequests: 3 + 2 + 4 + 1,
    events: 12,
    schedules: 0,
    objectWrites: 5,
    objectReads: 11,
    secretReads: 2,
    logGigabytes: 1,
    traces: 2,
  });
  assert.deepEqual([messages, functionMs], [2, 1499.5]);
});
