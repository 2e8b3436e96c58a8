import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runLease } from "../../shared/engine/lease-names.ts";
import { type Rig, SETTINGS, withRig } from "../../shared/engine/testing/rig.ts";
import { action, migrationOf } from "../../shared/engine/testing/stages.ts";
import { contextWith } from "../testing/events.ts";
import { SeenObservers } from "../testing/observers.ts";
import { wakeHandler } from "./handler.ts";
import { LockWatch } from "./lock-watch.ts";

const MINUTE = 60_000;

interface Woken {
  rig: Rig<undefined>;
  /** How many runs were asked to be removed, each time. */
  removals: number[];
  observers: SeenObservers;
  wake: () => Promise<void>;
}

function withWake(body: (woken: Woken) => Promise<void>): Promise<void> {
  const announce = (type: string, name: string) =>
    action<undefined>(name, async (context) => {
      await context.announce(type, {});
      return { done: true };
    });
  const stop = action<undefined>("stop", undefined, { pointOfNoReturn: true });
  const stages = [
    announce("datastore.locked", "lock"),
    stop,
    announce("datastore.unlocked", "unlock"),
    { ...stop, name: "end" },
  ];
  return withRig(undefined, [migrationOf(stages)], async (rig) => {
    const observers = new SeenObservers();
    const { store, clock } = rig.ports;
    const locks = new LockWatch(store);
    const removals: number[] = [];
    const removeEndedRuns = (limit: number): Promise<string[]> => {
      removals.push(limit);
      return removals.length === 1 ? Promise.resolve(["old"]) : Promise.reject(new Error("busy"));
    };
    const handler = wakeHandler({
      store,
      clock,
      engine: rig.engine,
      locks,
      removeEndedRuns,
      ...observers.parts(),
    });
    await body({ rig, removals, observers, wake: () => handler(undefined, contextWith()) });
  });
}

async function loseMessages(rig: Rig<undefined>): Promise<void> {
  for (let delivery = await rig.receive(); delivery; delivery = await rig.receive()) {
    await rig.ports.queue.acknowledge(delivery);
  }
}

describe("the wake-up", () => {
  test("makes up for messages that were lost", () =>
    withWake(async ({ rig, wake }) => {
      const runs = await Promise.all(Array.from({ length: 25 }, () => rig.start()));
      await loseMessages(rig);
      rig.clock.advance(MINUTE);

      await wake();

      await rig.handleDue();
      for (const runId of runs) assert.equal((await rig.engine.describe(runId)).run.state, "Waiting");
    }));

  test("removes a few old runs each time, and is not kept from its work when that fails", () =>
    withWake(async ({ rig, removals, wake }) => {
      await wake();
      const runId = await rig.start();
      await loseMessages(rig);
      rig.clock.advance(MINUTE);
      await wake();

      assert.deepEqual(removals, [5, 5]);
      await rig.handleDue();
      assert.equal((await rig.engine.describe(runId)).run.state, "Waiting");
    }));

  test("leaves runs alone that somebody works on", () =>
    withWake(async ({ rig, wake }) => {
      const runId = await rig.start();
      await loseMessages(rig);
      rig.clock.advance(MINUTE);
      await rig.ports.store.acquireLease(runLease(runId), "worker", SETTINGS.leaseTtlMs);

      await wake();

      assert.equal(await rig.receive(), undefined);
    }));

  test("keeps no run from being woken because another one cannot be", () =>
    withWake(async ({ rig, observers, wake }) => {
      const runs = [await rig.start(), await rig.start()];
      await loseMessages(rig);
      rig.clock.advance(MINUTE);
      const dueRuns = rig.ports.store.dueRuns.bind(rig.ports.store);
      rig.ports.store.dueRuns = async (...query) => ["gone", ...(await dueRuns(...query))];

      await wake();

      await rig.handleDue();
      for (const runId of runs) assert.equal((await rig.engine.describe(runId)).run.state, "Waiting");
      assert.ok(observers.lines.some(({ level, facts }) => level === "error" && facts["run"] === "gone"));
    }));

  test("counts runs whose time came over a quarter of an hour ago", () =>
    withWake(async ({ rig, observers, wake }) => {
      await rig.start();
      rig.clock.advance(10 * MINUTE);
      await wake();
      assert.equal(observers.gauges.StalledRuns, 0);

      rig.clock.advance(10 * MINUTE);
      await wake();
      assert.equal(observers.gauges.StalledRuns, 1);
    }));

  test("measures how long the oldest lock has been held", () =>
    withWake(async ({ rig, observers, wake }) => {
      const ageAfter = async (ms: number): Promise<number | undefined> => {
        rig.clock.advance(ms);
        await wake();
        return observers.gauges.LockAgeSeconds;
      };
      assert.equal(await ageAfter(0), 0);
      const first = await rig.start();
      await rig.handleDue();
      assert.equal(await ageAfter(MINUTE), 60);
      const second = await rig.start();
      await rig.handleDue();
      assert.equal(await ageAfter(MINUTE), 120);

      await rig.engine.approve(first, "ann");
      await rig.handleDue();
      assert.equal((await rig.engine.describe(first)).run.stage, "end");
      assert.equal(await ageAfter(MINUTE), 120);

      await rig.engine.undo(second, "abort");
      await rig.settle(second);
      assert.equal(await ageAfter(0), 0);
    }));
});
