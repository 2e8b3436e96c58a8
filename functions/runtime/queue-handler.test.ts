import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { encodeWork } from "../../events/work.ts";
import { withRig } from "../../shared/engine/testing/rig.ts";
import { action, DONE, failure, migrationOf, sweepOf } from "../../shared/engine/testing/stages.ts";
import { bodyOf, recordOf } from "../testing/events.ts";
import { QueueRig } from "../testing/queue-rig.ts";

const ALL_GOOD = { batchItemFailures: [] };

function withStages(
  stages: Parameters<typeof migrationOf<undefined>>[0],
  body: (queue: QueueRig<undefined>, runId: string) => Promise<void>,
): Promise<void> {
  return withRig(undefined, [migrationOf(stages)], async (rig) => body(new QueueRig(rig), await rig.start()));
}

const counted = () => Promise.resolve({ done: true as const, counts: { done: 1 } });

describe("a queue's handler", () => {
  test("hands work to the engine; what that sends is one hop further", () =>
    withStages([sweepOf("copy", 2, counted)], async (queue, runId) => {
      const advance = encodeWork({ type: "run.advance", runId }, 7);

      assert.deepEqual(await queue.handle([recordOf(advance)]), ALL_GOOD);

      const batch = (number: number) => ({
        message: { type: "batch.work", runId, track: "forward", stage: "copy", batch: number },
        hops: 8,
      });
      assert.deepEqual(queue.sent, [batch(0), batch(1)]);
      assert.deepEqual(queue.observers.counted, { RunsStarted: 1, MessagesHandled: 1 });
    }));

  test("counts batches that are done, once", () =>
    withStages([sweepOf("copy", 1, counted)], async (queue, runId) => {
      await queue.handle([recordOf(encodeWork({ type: "run.advance", runId }, 0))]);
      const work = { type: "batch.work", runId, track: "forward", stage: "copy", batch: 0 } as const;

      await queue.handle([recordOf(encodeWork(work, 1)), recordOf(encodeWork(work, 1))]);

      assert.equal(queue.observers.counted.BatchesDone, 1);
      assert.equal(queue.observers.counted.MessagesHandled, 3);
    }));

  test("leaves a message whose hops are spent to the wake-up", () =>
    withStages([action("one")], async (queue, runId) => {
      queue.hopBudget = 3;
      const advance = (hops: number) => recordOf(encodeWork({ type: "run.advance", runId }, hops));

      assert.deepEqual(await queue.handle([advance(4)]), ALL_GOOD);
      assert.equal(queue.observers.counted.HopBudgetSpent, 1);
      assert.equal((await queue.rig.engine.describe(runId)).run.state, "Pending");

      await queue.handle([advance(3)]);
      assert.equal((await queue.rig.engine.describe(runId)).run.state, "Succeeded");
    }));

  test("gives back what does not parse at once, and handles the rest of the batch", () =>
    withStages([action("one")], async (queue, runId) => {
      const good = recordOf(encodeWork({ type: "run.advance", runId }, 0), { messageId: "good" });
      const bad = ["{", "{}", '{"version":9}'].map((body, index) =>
        recordOf(body, { messageId: `bad-${index}` }),
      );

      const { batchItemFailures } = await queue.handle([...bad, good]);

      assert.deepEqual(
        batchItemFailures.map(({ itemIdentifier }) => itemIdentifier),
        ["bad-0", "bad-1", "bad-2"],
      );
      assert.deepEqual(queue.shownAfter, [0, 0, 0]);
      assert.equal((await queue.rig.engine.describe(runId)).run.state, "Succeeded");
      assert.equal(queue.observers.counted.MessagesFailed, 3);
    }));

  test("tries again later, and later each time, what failed for other reasons", () =>
    withStages([action("one")], async (queue, runId) => {
      queue.rig.ports.store.getRun = () => Promise.reject(failure("STORE_BUSY", true));
      const record = (receives: number) =>
        recordOf(encodeWork({ type: "run.advance", runId }, 0), { messageId: "m", receives });

      for (const receives of [1, 3]) {
        const { batchItemFailures } = await queue.handle([record(receives)]);
        assert.deepEqual(batchItemFailures, [{ itemIdentifier: "m" }]);
        queue.rig.clock.advance(60_000);
      }

      const [first = 0, third = 0] = queue.shownAfter;
      assert.ok(first >= 1_000 && third >= 4_000, String(queue.shownAfter));
    }));

  test("keeps a message hidden while it works on it, and no longer", async () => {
    let during = -1;
    const queues: QueueRig<undefined>[] = [];
    const act = () => {
      during = queues[0]?.hidden ?? -1;
      return Promise.resolve(DONE);
    };
    await withStages([action("one", act)], async (queue, runId) => {
      queues.push(queue);
      await queue.handle([recordOf(encodeWork({ type: "run.advance", runId }, 0)), recordOf("{")]);

      assert.equal(during, 1);
      assert.equal(queue.hidden, 0);
    });
  });

  test("hands the rest on when the invocation's time is nearly over", () =>
    withStages([action("slow", () => setTimeout(150, DONE)), action("next")], async (queue, runId) => {
      await queue.handle([recordOf(encodeWork({ type: "run.advance", runId }, 0))], 60);

      assert.deepEqual(queue.sent.at(-1), { message: { type: "run.advance", runId }, hops: 1 });
      assert.notEqual((await queue.rig.engine.describe(runId)).run.state, "Succeeded");
    }));

  test("writes run, cluster, stage, attempt and message on its log lines", () =>
    withStages([action("one", () => Promise.reject(failure("BROKEN", false)))], async (queue, runId) => {
      await queue.handle([recordOf(encodeWork({ type: "run.advance", runId }, 2), { messageId: "m" })]);

      const told = queue.observers.lines.find(({ message }) => message === "run.failed");
      const { run, cluster, stage, attempt, messageId, hops, code } = told?.facts ?? {};
      assert.deepEqual(
        { run, cluster, stage, attempt, messageId, hops, code },
        { run: runId, cluster: "east", stage: "one", attempt: 0, messageId: "m", hops: 2, code: "BROKEN" },
      );
    }));

  test("gives back commands where none belong", () =>
    withStages([action("one")], async (queue, runId) => {
      const pause = bodyOf({ type: "PauseRun", data: { runId, by: "ann" } });

      const { batchItemFailures } = await queue.handle([recordOf(pause)]);

      assert.equal(batchItemFailures.length, 1);
      assert.deepEqual(queue.shownAfter, [0]);
      assert.equal((await queue.rig.engine.describe(runId)).control.pause, false);
    }));
});
