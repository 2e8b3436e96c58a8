import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CheckpointStore, WorkQueue } from "./ports.ts";
import { type Rig, withRig } from "./testing/rig.ts";
import { failure, migrationOf, sweepOf } from "./testing/stages.ts";

const BATCHES = 250;
const PAGE = 100;

/** An engine whose store and queue note the longest list that they gave or were given. */
function measured(rig: Rig<null>): { engine: Rig<null>["engine"]; longest: () => number } {
  let longest = 0;
  const note = (value: unknown): void => {
    if (Array.isArray(value)) longest = Math.max(longest, value.length);
  };
  const watch = <T extends object>(port: T): T =>
    new Proxy(port, {
      get: (target, name) => {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== "function") return method;
        return async (...args: unknown[]): Promise<unknown> => {
          args.forEach(note);
          const answer: unknown = await Reflect.apply(method, target, args);
          note(answer);
          return answer;
        };
      },
    });
  const ports: { store: CheckpointStore; queue: WorkQueue } = {
    store: watch(rig.ports.store),
    queue: watch(rig.ports.queue),
  };
  return { engine: rig.engineWith(ports), longest: () => longest };
}

/** A sweep that plans its batches ten at a time. */
function longSweep(work: () => Promise<never> | Promise<{ done: true; counts: Record<string, number> }>) {
  const ten = Array.from({ length: 10 }, () => ({ scope: {}, size: 1 }));
  return {
    ...sweepOf<null>("copy", 0, work),
    plan: (_context: unknown, cursor: unknown) => {
      const planned = (typeof cursor === "number" ? cursor : 0) + ten.length;
      return Promise.resolve({ batches: ten, cursor: planned, done: planned >= BATCHES });
    },
  };
}

const count = () => Promise.resolve({ done: true as const, counts: { seen: 1 } });

describe("stages with many batches", () => {
  test("plan, wake and resume a bounded number at a time", async () => {
    let broken = true;
    const work = () => (broken ? Promise.reject(failure("WRONG", false)) : count());
    await withRig(null, [migrationOf([longSweep(work)])], async (rig) => {
      const { engine, longest } = measured(rig);
      const runId = await rig.start();
      await rig.handleDue(engine, "run.advance");
      assert.equal((await engine.describe(runId)).stages[0]?.openBatches, BATCHES);
      assert.ok(longest() <= PAGE, `planning held ${longest()} at once`);

      await engine.wake(runId);
      assert.equal((await rig.settle(runId, engine)).run.state, "Failed");
      broken = false;
      await engine.resume(runId);

      const { run, stages } = await rig.settle(runId, engine);
      assert.deepEqual([run.state, stages[0]?.counts], ["Succeeded", { seen: BATCHES }]);
      assert.ok(longest() <= PAGE, `${longest()} at once`);
    });
  });

  test("are cancelled a bounded number at a time", async () => {
    await withRig(null, [migrationOf([longSweep(count)])], async (rig) => {
      const { engine, longest } = measured(rig);
      const runId = await rig.start();
      await rig.handleDue(engine, "run.advance");

      await engine.undo(runId, "abort");

      const { run, stages } = await rig.settle(runId, engine);
      assert.deepEqual([run.state, stages[0]?.openBatches, stages[0]?.counts], ["Aborted", 0, {}]);
      assert.ok(longest() <= PAGE, `${longest()} at once`);
    });
  });
});
