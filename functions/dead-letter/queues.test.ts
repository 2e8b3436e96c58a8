import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ChangeMessageVisibilityBatchCommand, ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import type { DeadMessage } from "./handler.ts";
import { SqsDeadLetterQueues } from "./queues.ts";

const URLS = {
  commands: "https://sqs/commands-dead",
  runs: "https://sqs/runs-dead",
  batches: "https://sqs/batches-dead",
  rollbacks: "https://sqs/rollbacks-dead",
};

/** A client whose queues hold this many messages each; it remembers which were given back. */
function clientWith(count: number): { sqs: SQSClient; shown: string[]; operations: string[] } {
  const waiting = new Map(
    Object.values(URLS).map((url) => [url, Array.from({ length: count }, (_, i) => `${url}/${i}`)]),
  );
  const shown: string[] = [];
  const operations: string[] = [];
  const sqs = new SQSClient({ region: "eu-west-1" });
  const send = (command: unknown): Promise<unknown> => {
    operations.push(command?.constructor.name ?? "");
    if (command instanceof ReceiveMessageCommand) {
      const ids = waiting.get(command.input.QueueUrl ?? "")?.splice(0, 10) ?? [];
      const Attributes = {
        ApproximateReceiveCount: "6",
        SentTimestamp: "1",
        ApproximateFirstReceiveTimestamp: "2",
      };
      const Messages = ids.map((id) => ({ MessageId: id, ReceiptHandle: id, Body: "{}", Attributes }));
      return Promise.resolve(ids.length === 0 ? {} : { Messages });
    }
    assert.ok(command instanceof ChangeMessageVisibilityBatchCommand);
    for (const entry of command.input.Entries ?? [])
      if (entry.VisibilityTimeout === 0) shown.push(entry.ReceiptHandle ?? "");
    return Promise.resolve({});
  };
  return { sqs: Object.assign(sqs, { send }), shown, operations };
}

async function all(messages: AsyncIterable<DeadMessage>): Promise<DeadMessage[]> {
  const found: DeadMessage[] = [];
  for await (const message of messages) found.push(message);
  return found;
}

describe("the dead-letter queues", () => {
  test("show every message once, and have all of them back afterwards", async () => {
    const { sqs, shown, operations } = clientWith(23);
    const found = await all(new SqsDeadLetterQueues(sqs, URLS).messages(new AbortController().signal));

    assert.equal(found.length, 92);
    assert.equal(new Set(found.map(({ key }) => key)).size, 92);
    assert.equal(shown.length, 92);
    assert.deepEqual([found[0]?.queue, found[0]?.receives], ["commands", 5]);
    assert.ok(!operations.some((operation) => operation.startsWith("Delete")));
  });

  test("have their messages back when the look ends early", async () => {
    const { sqs, shown } = clientWith(5);
    const messages = new SqsDeadLetterQueues(sqs, URLS).messages(new AbortController().signal);
    assert.equal((await messages.next()).done, false);
    await messages.return();
    assert.equal(shown.length, 5);
  });
});
