import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isEnd, type LockState } from "../../shared/engine/records.ts";
import { DEFAULT_LOCK_POLICY, type LockPolicy } from "../../shared/engine/lock.ts";
import { runLease } from "../../shared/engine/lease-names.ts";
import { type Rig, SETTINGS, withRig } from "../../shared/engine/testing/rig.ts";
import { action, migrationOf } from "../../shared/engine/testing/stages.ts";
import { contextWith } from "../testing/events.ts";
import { SeenObservers } from "../testing/observers.ts";
import { wakeHandler } from "./handler.ts";

const MINUTE = 60_000;

interface Woken {
  rig: Rig<undefined>;
  /** How many runs were asked to be removed, each time. */
  removals: number[];
  observers: SeenObservers;
  /** While on, nobody can tell which datastores are locked. */
  blindness: { on: boolean };
  wake: () => Promise<void>;
}

function withWake(
  body: (woken: Woken) => Promise<void>,
  policy: LockPolicy = DEFAULT_LOCK_POLICY,
): Promise<void> {
  const told = (state: LockState, name: string) =>
    action<undefined>(name, async (context) => {
      await context.tellLock(state, "etcd");
      return { done: true };
    });
  const stop = action<undefined>("stop", undefined, { pointOfNoReturn: true });
  const stages = [told("locked", "lock"), stop, told("unlocked", "unlock"), { ...stop, name: "end" }];
  const migration = { ...migrationOf(stages), lockPolicy: () => policy };
  return withRig(undefined, [migration], async (rig) => {
    const observers = new SeenObservers();
    const blindness = { on: false };
    const { store, clock } = rig.ports;
    const oldestLock = async (): Promise<number | undefined> => {
      if (blindness.on) throw new Error("throttled");
      const { items } = await store.listRuns({ limit: 100 });
      const held = items.filter(
        ({ state, lock }) => !isEnd(state) && lock !== undefined && lock.state !== "unlocked",
      );
      return held.map(({ lock }) => lock?.since ?? 0).sort((a, b) => a - b)[0];
    };
    const removals: number[] = [];
    const removeEndedRuns = (limit: number): Promise<string[]> => {
      removals.push(limit);
      return removals.length === 1 ? Promise.resolve(["old"]) : Promise.reject(new Error("busy"));
    };
    const handler = wakeHandler({
      store,
      clock,
      engine: rig.engine,
      oldestLock,
      removeEndedRuns,
      ...observers.parts(),
    });
    await body({ rig, removals, observers, blindness, wake: () => handler(undefined, contextWith()) });
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

  test("publishes nothing of locks that it could not look at, and wakes all the same", () =>
    withWake(async ({ rig, observers, blindness, wake }) => {
      const runId = await rig.start();
      await loseMessages(rig);
      rig.clock.advance(MINUTE);
      blindness.on = true;

      await wake();

      assert.equal(observers.gauges.LockAgeSeconds, undefined);
      await rig.handleDue();
      assert.equal((await rig.engine.describe(runId)).run.state, "Waiting");
    }));

  test("measures before it wakes, so that many runs to wake hide no lock", () =>
    withWake(async ({ rig, observers, wake }) => {
      await rig.start();
      await loseMessages(rig);
      rig.clock.advance(MINUTE);
      const dueRuns = rig.ports.store.dueRuns.bind(rig.ports.store);
      let measured: number | undefined;
      rig.ports.store.dueRuns = (now, limit) => {
        measured = observers.gauges.LockAgeSeconds;
        return dueRuns(now, limit);
      };

      await wake();

      assert.equal(measured, 0);
    }));

  test("has a run undone that holds its lock for longer than it may, although it waits for a person", () => {
    const policy = { ...DEFAULT_LOCK_POLICY, maxLockMs: 5 * MINUTE, onBudget: "rollback" as const };
    return withWake(async ({ rig, wake }) => {
      const runId = await rig.start();
      await rig.handleDue();
      for (const state of ["Waiting", "Waiting", "Waiting", "Waiting", "RolledBack"]) {
        rig.clock.advance(MINUTE);
        await wake();
        await rig.handleDue();
        assert.equal((await rig.engine.describe(runId)).run.state, state);
      }
    }, policy);
  });

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
