import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { SQSClient } from "@aws-sdk/client-sqs";
import { parseWork } from "../../../../events/work.ts";
import type { WorkMessage } from "../../../engine/ports.ts";
import { ManualClock } from "../../../engine/testing/manual-clock.ts";
import {
  type FakeService,
  jsonError,
  type ServiceAnswer,
  type ServiceRequest,
  startFakeService,
} from "../calls/testing/fake-service.ts";
import { SqsWorkSender } from "./work-sender.ts";

interface Sent {
  QueueUrl: string;
  Entries: { Id: string; MessageBody: string; DelaySeconds: number }[];
}

const advance: WorkMessage = { type: "run.advance", runId: "r1" };
const batch = (number: number, track: "forward" | "rollback" = "forward"): WorkMessage => ({
  type: "batch.work",
  runId: "r1",
  track,
  stage: "import",
  batch: number,
});

describe("work that is sent", () => {
  test("goes to the queue of its kind", async () => {
    await using service = await startFakeService(accept);
    const { sender } = rig(service);

    await sender.send([
      { message: advance },
      { message: batch(1) },
      { message: { ...advance, track: "rollback" } },
      { message: batch(2, "rollback") },
    ]);

    const byQueue = Object.groupBy(sentTo(service), ({ QueueUrl }) => QueueUrl.split("/").at(-1) ?? "");
    const messages = (queue: string) =>
      byQueue[queue]?.flatMap(({ Entries }) => Entries.map((entry) => parseWork(entry.MessageBody)));
    assert.deepEqual(messages("runs"), [{ message: advance, hops: 7 }]);
    assert.deepEqual(messages("batches"), [{ message: batch(1), hops: 7 }]);
    assert.deepEqual(messages("rollbacks"), [
      { message: { ...advance, track: "rollback" }, hops: 7 },
      { message: batch(2, "rollback"), hops: 7 },
    ]);
  });

  test("is delayed by whole seconds, never less than asked for", async () => {
    await using service = await startFakeService(accept);
    const { sender, later } = rig(service);

    await sender.send(
      [undefined, -1, 0, 1, 1_000, 1_001, 900_000].map((delayMs) => ({
        message: advance,
        ...(delayMs !== undefined && { delayMs }),
      })),
    );

    const delays = sentTo(service).flatMap(({ Entries }) => Entries.map((entry) => entry.DelaySeconds));
    assert.deepEqual(delays, [0, 0, 0, 1, 1, 2, 900]);
    assert.deepEqual(later, []);
  });

  test("goes to the scheduler when it waits for more than a queue can", async () => {
    await using service = await startFakeService(accept);
    const { sender, later, clock } = rig(service);

    await sender.send([{ message: advance, delayMs: 900_001 }]);

    assert.deepEqual(later, [{ message: advance, at: clock.now() + 900_001 }]);
    assert.deepEqual(service.requests, []);
  });

  test("goes in requests of ten", async () => {
    await using service = await startFakeService(accept);
    const { sender } = rig(service);

    await sender.send(Array.from({ length: 23 }, (_, number) => ({ message: batch(number) })));

    const sizes = sentTo(service).map(({ Entries }) => Entries.length);
    assert.deepEqual(sizes.sort(), [10, 10, 3]);
    assert.deepEqual(
      batchesOf(service),
      Array.from({ length: 23 }, (_, number) => number),
    );
  });

  test("is nothing without messages", async () => {
    await using service = await startFakeService(accept);

    await rig(service).sender.send([]);

    assert.deepEqual(service.requests, []);
  });
});

describe("work that SQS does not take", () => {
  const failing = (senderFault: boolean, ...ids: string[]) => ({
    body: JSON.stringify({
      Successful: [],
      Failed: ids.map((Id) => ({ Id, Code: "TheCode", Message: "why", SenderFault: senderFault })),
    }),
  });

  test("at first is sent again, and only that", async () => {
    let requests = 0;
    await using service = await startFakeService((request) =>
      (requests += 1) === 1
        ? failing(false, "1", "3")
        : requests === 2
          ? failing(false, "0")
          : accept(request),
    );
    const { sender, clock } = rig(service);

    await clock.runUntil(sender.send([0, 1, 2, 3].map((number) => ({ message: batch(number) }))));

    const tries = sentTo(service).map(({ Entries }) =>
      Entries.map(({ MessageBody }) => batchIn(MessageBody)),
    );
    assert.deepEqual(tries, [[0, 1, 2, 3], [1, 3], [1]]);
  });

  test("for long is given up, and can be tried again", async () => {
    await using service = await startFakeService(() => failing(false, "0"));
    const { sender, clock } = rig(service);

    await assert.rejects(clock.runUntil(sender.send([{ message: advance }]), 60_000), {
      code: "AWS_UNAVAILABLE",
      message: /queue http.*\/runs: TheCode: why/,
    });
    assert.equal(service.requests.length, 7);
  });

  test("because it is wrong is not sent again; the rest is sent", async () => {
    let requests = 0;
    const both = JSON.stringify({
      Failed: [
        { Id: "0", Code: "Wrong", SenderFault: true },
        { Id: "1", Code: "Busy", SenderFault: false },
      ],
    });
    await using service = await startFakeService((request) =>
      (requests += 1) === 1 ? { body: both } : accept(request),
    );
    const { sender, clock } = rig(service);
    const sending = clock.runUntil(sender.send([{ message: batch(0) }, { message: batch(1) }]));

    await assert.rejects(sending, { code: "AWS_REFUSED", message: /Wrong/ });

    assert.deepEqual(
      sentTo(service).map(({ Entries }) => Entries.map(({ MessageBody }) => batchIn(MessageBody))),
      [[0, 1], [1]],
    );
  });

  test("because a queue is missing does not hold the other queues back", async () => {
    await using service = await startFakeService((request) =>
      request.body.includes("/runs") ? jsonError(400, "QueueDoesNotExist") : accept(request),
    );
    const { sender } = rig(service);

    await assert.rejects(sender.send([{ message: advance }, { message: batch(5) }]), { code: "AWS_REFUSED" });

    assert.deepEqual(batchesOf(service), [5]);
  });

  test("is sent twice when only the answer was lost", async () => {
    let requests = 0;
    await using service = await startFakeService((request) =>
      (requests += 1) === 1 ? { lost: true } : accept(request),
    );

    await rig(service).sender.send([{ message: batch(1) }]);

    assert.deepEqual(batchesOf(service), [1, 1]);
  });
});

function rig(service: FakeService) {
  const clock = new ManualClock();
  const later: { message: WorkMessage; at: number }[] = [];
  const url = (name: string) => `${service.config.endpoint}/1/${name}`;
  const sender = new SqsWorkSender({
    sqs: new SQSClient(service.config),
    queues: { runs: url("runs"), batches: url("batches"), rollbacks: url("rollbacks") },
    later: {
      sendLater: (message, at) => {
        later.push({ message, at });
        return Promise.resolve();
      },
    },
    hops: 7,
    clock,
  });
  return { sender, later, clock };
}

/** The client checks that what SQS stored is what was sent. */
function accept({ body }: ServiceRequest): ServiceAnswer {
  const { Entries } = JSON.parse(body.toString()) as Sent;
  const Successful = Entries.map(({ Id, MessageBody }) => ({
    Id,
    MessageId: Id,
    MD5OfMessageBody: createHash("md5").update(MessageBody).digest("hex"),
  }));
  return { body: JSON.stringify({ Successful }) };
}

function sentTo({ requests }: FakeService): Sent[] {
  return requests.map(({ body }) => JSON.parse(body.toString()) as Sent);
}

function batchesOf(service: FakeService): number[] {
  const bodies = sentTo(service).flatMap(({ Entries }) => Entries.map(({ MessageBody }) => MessageBody));
  return bodies
    .map(batchIn)
    .filter((number) => number >= 0)
    .sort((a, b) => a - b);
}

/** The batch that a message is about; -1 when it is about a run. */
function batchIn(body: string): number {
  const { message } = parseWork(body);
  return message.type === "batch.work" ? message.batch : -1;
}
