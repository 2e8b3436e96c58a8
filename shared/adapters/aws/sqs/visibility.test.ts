import assert from "node:assert/strict";
import { setTimeout } from "node:timers/promises";
import { describe, test } from "node:test";
import { SQSClient } from "@aws-sdk/client-sqs";
import { ManualClock } from "../../../engine/testing/manual-clock.ts";
import { hideFor, keepHidden } from "./visibility.ts";
import { jsonError, type FakeService, startFakeService } from "../calls/testing/fake-service.ts";

describe("a message that is kept hidden", () => {
  test("is hidden at once, and again after every third of the time", async () => {
    await using service = await startFakeService(() => ({ body: "{}" }));
    const clock = new ManualClock();

    const hidden = keepHidden({ ...messageOf(service), visibilityMs: 30_000, clock });
    await beats(service, clock, 1);
    clock.advance(9_999);
    await setTimeout(30);
    assert.equal(service.requests.length, 1);
    clock.advance(1);
    await beats(service, clock, 2);

    assert.deepEqual(timeoutsOf(service), [30, 30]);
    await hidden[Symbol.asyncDispose]();
  });

  test("is hidden again although the last renewal failed", async () => {
    await using service = await startFakeService(() => jsonError(400, "ReceiptHandleIsInvalid"));
    const clock = new ManualClock();

    const hidden = keepHidden({ ...messageOf(service), visibilityMs: 30_000, clock });
    await beats(service, clock, 1);
    clock.advance(10_000);

    await beats(service, clock, 2);
    await hidden[Symbol.asyncDispose]();
  });

  for (const end of ["disposal", "the signal"]) {
    test(`is left alone after ${end}`, async () => {
      await using service = await startFakeService(() => ({ body: "{}" }));
      const clock = new ManualClock();
      const budget = new AbortController();
      const hidden = keepHidden({
        ...messageOf(service),
        visibilityMs: 3_000,
        signal: budget.signal,
        clock,
      });
      await beats(service, clock, 1);

      if (end === "disposal") await hidden[Symbol.asyncDispose]();
      else budget.abort();
      clock.advance(60_000);
      await setTimeout(30);

      assert.equal(service.requests.length, 1);
      await hidden[Symbol.asyncDispose]();
    });
  }

  test("can be given up while a renewal gets no answer", async () => {
    await using service = await startFakeService(() => "silence");
    const hidden = keepHidden({ ...messageOf(service), visibilityMs: 30_000 });
    while (service.requests.length === 0) await setTimeout(5);

    const disposed = hidden[Symbol.asyncDispose]().then(() => "disposed");

    assert.equal(await Promise.race([disposed, setTimeout(60_000, "hangs", { ref: false })]), "disposed");
  });

  test("is hidden for whole seconds, rounded up, and shown again by 0", async () => {
    await using service = await startFakeService(() => ({ body: "{}" }));

    for (const ms of [1, 1_000, 1_001, 0]) await hideFor(messageOf(service), ms);

    assert.deepEqual(timeoutsOf(service), [1, 1, 2, 0]);
  });
});

function messageOf({ config }: FakeService) {
  return { sqs: new SQSClient(config), queueUrl: `${config.endpoint}/1/runs`, receiptHandle: "receipt" };
}

function timeoutsOf({ requests }: FakeService): unknown[] {
  return requests.map(
    ({ body }) => (JSON.parse(body.toString()) as { VisibilityTimeout: number }).VisibilityTimeout,
  );
}

/** Waits until this many renewals were answered and the next one waits for its time. */
async function beats({ requests }: FakeService, clock: ManualClock, count: number): Promise<void> {
  while (requests.length < count || clock.sleepers === 0) await setTimeout(5);
}
