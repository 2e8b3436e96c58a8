import assert from "node:assert/strict";
import { test } from "node:test";
import { queueUrlOf } from "./visibility.ts";

const URLS = [
  "https://sqs.eu-west-1.amazonaws.com/111122223333/Migrator-runs",
  "https://sqs.eu-west-1.amazonaws.com/111122223333/Migrator-commands",
] as const;

test("a message is hidden in the queue that it came from", () => {
  const of = (name: string) =>
    queueUrlOf({ eventSourceARN: `arn:aws:sqs:eu-west-1:111122223333:${name}` }, URLS);
  assert.equal(of("Migrator-commands"), URLS[1]);
  assert.equal(of("Migrator-runs"), URLS[0]);
});
