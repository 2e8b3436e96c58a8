import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { canonicalJson } from "../../json.ts";
import type { Delivery, WorkMessage, WorkQueue } from "../ports.ts";
import type { ManualClock } from "../testing/manual-clock.ts";

/** A queue to be tested, empty, with the clock that it goes by. */
interface QueueFixture {
  queue: WorkQueue;
  clock: ManualClock;
  cleanup(): Promise<void>;
}

/** What a queue does beyond the port's promise. */
interface QueueTraits {
  /** A message that waits to be delivered already is not stored again. */
  deduplicates: boolean;
}

type OpenQueue = () => Promise<QueueFixture>;

const visibilityMs = 10_000;
const advance = (runId = "r1"): WorkMessage => ({ type: "run.advance", runId });
const work = (batch: number, runId = "r1"): WorkMessage => ({
  type: "batch.work",
  runId,
  track: "forward",
  stage: "precopy",
  batch,
});

/** What every work queue must do, as a suite of `node:test`. `open` gives each test an empty queue. */
export function describeWorkQueue(name: string, open: OpenQueue, traits: QueueTraits): void {
  void describe(`${name} as a WorkQueue`, () => {
    void describe("delivery", () => {
      deliveryTests(open);
    });
    void describe("redelivery", () => {
      redeliveryTests(open);
    });
    void describe("waiting", () => {
      waitingTests(open);
    });
    void describe("messages to advance a run", () => {
      advanceTests(open, traits);
    });
  });
}

function deliveryTests(open: OpenQueue): void {
  void test(
    "messages come as they were sent, each once",
    withQueue(open, async ({ queue }) => {
      await queue.send([{ message: advance() }, { message: work(0) }, { message: work(1) }]);

      const received = [...(await receive(queue, 2)), ...(await receive(queue, 2))];

      assert.deepEqual(sorted(received), sorted([advance(), work(0), work(1)]));
      assert.deepEqual(await receive(queue), []);
    }),
  );

  void test(
    "a call takes no more than it asked for",
    withQueue(open, async ({ queue }) => {
      await queue.send([0, 1, 2].map((batch) => ({ message: work(batch) })));

      assert.equal((await receive(queue, 1)).length, 1);
      assert.equal((await receive(queue, 10)).length, 2);
    }),
  );

  void test(
    "receivers at the same time never get the same message",
    withQueue(open, async ({ queue }) => {
      await queue.send(Array.from({ length: 20 }, (_, batch) => ({ message: work(batch) })));

      const taken = await Promise.all(Array.from({ length: 8 }, () => receive(queue, 4)));

      const batches = taken.flat().map(({ message }) => JSON.stringify(message));
      assert.equal(batches.length, 20);
      assert.equal(new Set(batches).size, 20);
    }),
  );

  void test(
    "a receiver may ask for one type, or one run",
    withQueue(open, async ({ queue }) => {
      const sent = [advance("r1"), work(0, "r1"), advance("r2"), work(0, "r2")];
      await queue.send(sent.map((message) => ({ message })));
      const query = { max: 10, visibilityMs, waitMs: 0 };

      const both = await queue.receive({ ...query, only: "batch.work", runId: "r2" });
      const ofRun = await queue.receive({ ...query, runId: "r2" });
      const ofType = await queue.receive({ ...query, only: "run.advance" });

      assert.deepEqual(sorted(both), sorted([work(0, "r2")]));
      assert.deepEqual(sorted(ofRun), sorted([advance("r2")]));
      assert.deepEqual(sorted(ofType), sorted([advance("r1")]));
      assert.deepEqual(sorted(await receive(queue)), sorted([work(0, "r1")]));
    }),
  );

  void test(
    "a delayed message comes when its time has come",
    withQueue(open, async ({ queue, clock }) => {
      await queue.send([{ message: work(0), delayMs: 500 }]);

      clock.advance(499);
      assert.deepEqual(await receive(queue), []);
      clock.advance(1);
      assert.deepEqual(sorted(await receive(queue)), sorted([work(0)]));
    }),
  );

  void test(
    "sending nothing is no mistake",
    withQueue(open, async ({ queue }) => {
      await queue.send([]);

      assert.deepEqual(await receive(queue), []);
    }),
  );
}

function redeliveryTests(open: OpenQueue): void {
  void test(
    "what is not acknowledged comes again",
    withQueue(open, async ({ queue, clock }) => {
      await queue.send([{ message: work(0) }]);
      await receive(queue);

      clock.advance(visibilityMs - 1);
      assert.deepEqual(await receive(queue), []);
      clock.advance(1);
      assert.deepEqual(sorted(await receive(queue)), sorted([work(0)]));
    }),
  );

  void test(
    "what is acknowledged never comes again, and acknowledging twice does no harm",
    withQueue(open, async ({ queue, clock }) => {
      await queue.send([{ message: work(0) }, { message: work(1) }]);
      const [first] = await receive(queue, 1);
      assert.ok(first);

      await queue.acknowledge(first);
      await queue.acknowledge(first);
      clock.advance(10 * visibilityMs);

      const rest = (await receive(queue)).map(({ message }) => message);
      assert.equal(rest.length, 1);
      assert.notDeepEqual(rest[0], first.message);
    }),
  );

  void test(
    "a message can be hidden for longer",
    withQueue(open, async ({ queue, clock }) => {
      await queue.send([{ message: work(0) }]);
      const [delivery] = await receive(queue);
      assert.ok(delivery);
      clock.advance(visibilityMs - 1);

      await queue.extend(delivery, 2 * visibilityMs);
      clock.advance(2 * visibilityMs - 1);
      assert.deepEqual(await receive(queue), []);
      clock.advance(1);
      assert.equal((await receive(queue)).length, 1);
    }),
  );

  void test(
    "a message can be given back at once",
    withQueue(open, async ({ queue }) => {
      await queue.send([{ message: work(0) }]);
      const [delivery] = await receive(queue);
      assert.ok(delivery);

      await queue.extend(delivery, 0);

      assert.deepEqual(sorted(await receive(queue)), sorted([work(0)]));
    }),
  );

  void test(
    "an acknowledged message cannot be extended back to life",
    withQueue(open, async ({ queue }) => {
      await queue.send([{ message: work(0) }]);
      const [delivery] = await receive(queue);
      assert.ok(delivery);
      await queue.acknowledge(delivery);

      await queue.extend(delivery, 0);

      assert.deepEqual(await receive(queue), []);
    }),
  );
}

function waitingTests(open: OpenQueue): void {
  const query = { max: 10, visibilityMs, waitMs: 60_000 };

  void test(
    "a receiver waits for the first message",
    withQueue(open, async ({ queue, clock }) => {
      const receiving = queue.receive(query);

      await queue.send([{ message: work(0) }]);

      assert.deepEqual(sorted(await clock.runUntil(receiving)), sorted([work(0)]));
    }),
  );

  void test(
    "a receiver waits for a delayed message, or for one to be given up",
    withQueue(open, async ({ queue, clock }) => {
      await queue.send([{ message: work(0), delayMs: 1_234 }]);

      const delayed = await clock.runUntil(queue.receive(query));
      const redelivered = await clock.runUntil(queue.receive(query));

      assert.deepEqual(sorted(delayed), sorted([work(0)]));
      assert.deepEqual(sorted(redelivered), sorted([work(0)]));
    }),
  );

  void test(
    "a receiver that waited in vain gets nothing",
    withQueue(open, async ({ queue, clock }) => {
      assert.deepEqual(await clock.runUntil(queue.receive({ ...query, waitMs: 1_000 })), []);
    }),
  );

  void test(
    "a receiver goes on waiting while others' messages come",
    withQueue(open, async ({ queue, clock }) => {
      const receiving = queue.receive({ ...query, runId: "r2" });

      await queue.send([{ message: work(0, "r1") }]);
      await queue.send([{ message: work(0, "r2") }]);

      assert.deepEqual(sorted(await clock.runUntil(receiving)), sorted([work(0, "r2")]));
      assert.deepEqual(sorted(await receive(queue)), sorted([work(0, "r1")]));
    }),
  );

  void test(
    "a signal ends the waiting, with nothing",
    withQueue(open, async ({ queue }) => {
      const stop = new AbortController();
      const receiving = queue.receive({ ...query, signal: stop.signal });

      stop.abort();

      assert.deepEqual(await receiving, []);
    }),
  );

  void test(
    "a receiver whose signal was given before takes nothing",
    withQueue(open, async ({ queue }) => {
      await queue.send([{ message: work(0) }]);

      assert.deepEqual(await queue.receive({ ...query, signal: AbortSignal.abort() }), []);
      assert.equal((await receive(queue)).length, 1);
    }),
  );
}

function advanceTests(open: OpenQueue, traits: QueueTraits): void {
  void test(
    "one that is sent while another is handled is not lost",
    withQueue(open, async ({ queue }) => {
      await queue.send([{ message: advance() }]);
      const [handled] = await receive(queue);
      assert.ok(handled);

      await queue.send([{ message: advance() }]);
      await queue.acknowledge(handled);

      assert.deepEqual(sorted(await receive(queue)), sorted([advance()]));
    }),
  );

  void test(
    "one that is sent after the handling of another took too long is not lost",
    withQueue(open, async ({ queue, clock }) => {
      await queue.send([{ message: advance() }]);
      const [handled] = await receive(queue);
      assert.ok(handled);
      clock.advance(visibilityMs);

      await queue.send([{ message: advance() }]);
      await queue.acknowledge(handled);

      assert.ok((await receive(queue)).length >= 1);
    }),
  );

  for (const delays of [
    [0, 800],
    [800, 0],
  ]) {
    void test(
      `one that is due and a later one both come, sent with delays of ${delays.join(" and ")}`,
      withQueue(open, async ({ queue, clock }) => {
        for (const delayMs of delays) await queue.send([{ message: advance(), delayMs }]);

        const now = await receive(queue);
        for (const delivery of now) await queue.acknowledge(delivery);
        clock.advance(800);
        const later = await receive(queue);

        assert.equal(now.length, 1);
        assert.equal(later.length, 1);
      }),
    );
  }

  if (!traits.deduplicates) return;
  void test(
    "one that waits to be delivered is enough, for each run and each batch",
    withQueue(open, async ({ queue }) => {
      await queue.send([{ message: advance("r1") }, { message: advance("r1") }, { message: advance("r2") }]);
      await queue.send([{ message: advance("r1") }, { message: work(0) }, { message: work(1) }]);
      await queue.send([{ message: work(0) }]);

      const received = await receive(queue);

      assert.deepEqual(sorted(received), sorted([advance("r1"), advance("r2"), work(0), work(1)]));
    }),
  );
}

function withQueue(open: OpenQueue, body: (fixture: QueueFixture) => Promise<void>): () => Promise<void> {
  return async () => {
    const fixture = await open();
    try {
      await body(fixture);
    } finally {
      await fixture.cleanup();
    }
  };
}

function receive(queue: WorkQueue, max = 10): Promise<Delivery[]> {
  return queue.receive({ max, visibilityMs, waitMs: 0 });
}

/** Messages in an order that does not depend on the queue's. */
function sorted(messages: readonly (Delivery | WorkMessage)[]): string[] {
  return messages.map((item) => canonicalJson({ ...("message" in item ? item.message : item) })).sort();
}
