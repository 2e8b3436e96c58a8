import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../json.ts";
import type { LockPolicy } from "./lock.ts";
import type { Migration, Stage, StageContext } from "./migration.ts";
import type { CheckpointStore } from "./ports.ts";
import { type Rig, withRig } from "./testing/rig.ts";
import { action, DONE, failure, gate, migrationOf, sweepOf, waitFor } from "./testing/stages.ts";

type Context = StageContext<null, JsonObject>;

const MINUTE = 60_000;
const WARN: LockPolicy = { maxLockMs: 10 * MINUTE, onBudget: "warn", onFailure: "rollback" };

/** A cluster that is locked or not, and what it takes to lock it. */
class Lockable {
  locked = false;

  async lock(context: Context): Promise<typeof DONE> {
    await context.tellLock("locking", "etcd");
    this.locked = true;
    await context.tellLock("locked", "etcd", { revision: 7 });
    return DONE;
  }

  async unlock(context: Context): Promise<typeof DONE> {
    await context.tellLock("unlocking", "etcd");
    this.locked = false;
    await context.tellLock("unlocked", "etcd");
    return DONE;
  }

  /** A migration that locks, does `inside`, and unlocks without return. */
  migration(inside: Stage<null, JsonObject>, policy: LockPolicy = WARN): Migration<null> {
    const unlockBack = action<null>("unlock-back", (context) => this.unlock(context));
    const stages = [
      action<null>("lock", (context) => this.lock(context), { changesCluster: true, undo: [unlockBack] }),
      inside,
      action<null>("unlock", (context) => this.unlock(context), {
        pointOfNoReturn: true,
        undo: [action<null>("lock-again", (context) => this.lock(context))],
      }),
      action<null>("after"),
    ];
    return { ...migrationOf(stages), lockPolicy: () => policy };
  }
}

async function withLockable(
  inside: Stage<null, JsonObject>,
  policy: LockPolicy,
  body: (rig: Rig<null>, cluster: Lockable) => Promise<void>,
): Promise<void> {
  const cluster = new Lockable();
  await withRig(null, [cluster.migration(inside, policy)], (rig) => body(rig, cluster));
}

async function told(rig: Rig<null>, runId: string): Promise<string[]> {
  return (await rig.events(runId)).map(({ type }) => type);
}

const HELD = { code: "NOT_SERVED", message: "it is not served", next: "" };
const broken = action<null>("inside", () => Promise.reject(failure("BROKEN", false)));
const HOLD: LockPolicy = { ...WARN, onFailure: "hold" };

describe("a failure inside the lock", () => {
  for (const [what, inside] of [
    ["of a stage", broken],
    ["that was retried in vain", action<null>("inside", () => Promise.reject(failure("BROKEN", true)))],
    ["of a batch", sweepOf<null>("inside", 2, () => Promise.reject(failure("BROKEN", false)))],
    [
      "of a gate whose time is over",
      gate<null>("inside", () => Promise.resolve(waitFor("it")), { deadlineMs: () => 5_000 }),
    ],
    ["of a gate that has no deadline", gate<null>("inside", () => Promise.resolve(waitFor("it")))],
    ["of an action that waits without end", action<null>("inside", () => Promise.resolve(waitFor("it")))],
    [
      "of a sweep that cannot be planned",
      {
        ...sweepOf<null>("inside", 1, () => Promise.resolve({ done: true, counts: {} })),
        plan: () => Promise.resolve({ wait: { reason: "Gate" as const, message: "it", retryAfterMs: 500 } }),
      },
    ],
    [
      "of a batch of which nothing can be done",
      sweepOf<null>("inside", 2, () => Promise.resolve({ more: true, retryAfterMs: 500, held: HELD })),
    ],
  ] as const) {
    test(`${what} has the run undone, and says why`, () =>
      withLockable(inside, WARN, async (rig, cluster) => {
        const { run, control } = await rig.run(["unlock"]);

        assert.equal(run.state, "RolledBack");
        assert.equal(cluster.locked, false);
        assert.equal(control.undoCause?.reason, "LockFailure");
        const turned = (await rig.events(run.runId)).find(({ type }) => type === "run.turned");
        assert.match(JSON.stringify(turned?.data), /"code":"(BROKEN|GATE_DEADLINE)"/);
        const condition = run.conditions.find(({ type }) => type === "WentBack");
        assert.match(condition?.message ?? "", /\((BROKEN|GATE_DEADLINE)\)$/);
      }));
  }

  test("holds the run where a person wants that, and counts the time", () =>
    withLockable(broken, HOLD, async (rig, cluster) => {
      const { run } = await rig.run(["unlock"]);

      assert.equal(run.state, "Failed");
      assert.equal(cluster.locked, true);
      assert.equal(run.lock?.forPersonSince, run.updatedAt);
    }));

  test("holds the run on its way back, where nothing else is left to do", async () => {
    const cluster = new Lockable();
    const bad = { ...cluster.migration(broken) };
    const stages = bad.stages.map((stage) =>
      stage.name === "lock"
        ? { ...stage, undo: [action<null>("unlock-back", () => Promise.reject(failure("STUCK", false)))] }
        : stage,
    );
    await withRig(null, [{ ...bad, stages }], async (rig) => {
      const { run } = await rig.run(["unlock"]);
      assert.deepEqual([run.state, run.track, run.failure?.code], ["Failed", "rollback", "STUCK"]);
      assert.equal(run.lock?.state, "locked");
    });
  });

  test("holds the run before the lock and after the unlock", async () => {
    for (const name of ["lock", "after"]) {
      const cluster = new Lockable();
      const migration = cluster.migration(action<null>("inside"));
      const stages = migration.stages.map((stage) => (stage.name === name ? { ...broken, name } : stage));
      await withRig(null, [{ ...migration, stages }], async (rig) => {
        assert.equal((await rig.run(["unlock"])).run.state, "Failed");
      });
    }
  });

  test("holds the run once the unlock may have been written", async () => {
    const cluster = new Lockable();
    const migration = cluster.migration(action<null>("inside"));
    const half = action<null>("unlock", async (context) => {
      await context.tellLock("unlocking", "etcd");
      throw failure("LOST", false);
    });
    const stages = migration.stages.map((stage) => (stage.name === "unlock" ? half : stage));
    await withRig(null, [{ ...migration, stages }], async (rig) => {
      const { run } = await rig.run();
      assert.deepEqual([run.state, run.lock?.state], ["Failed", "unlocking"]);
    });
  });
});

describe("what holds a run up inside the lock", () => {
  /** Waits for half a minute, gets on, and waits again: for longer than it may in all, and never at a stretch. */
  function inTurns(steps: number): Stage<null, JsonObject> {
    let looks = 0;
    return {
      ...sweepOf<null>("inside", 1, () => Promise.resolve({ done: true, counts: {} })),
      plan: (_context, cursor) => {
        if (looks++ % 2 === 0)
          return Promise.resolve({ wait: { reason: "Gate", message: "it", retryAfterMs: 40_000 } });
        const at = Number(cursor ?? 0) + 1;
        return Promise.resolve({ batches: [], cursor: at, ...(at < steps ? {} : { done: true }) });
      },
    };
  }

  test("is counted at a stretch: a stage that gets on in between may go on", () =>
    withLockable(inTurns(4), WARN, async (rig) => {
      assert.equal((await rig.run(["unlock"])).run.state, "Succeeded");
    }));

  test("is told of a batch too, and is no failed try", async () => {
    let tries = 0;
    const work = () => {
      tries += 1;
      if (tries === 8) return Promise.reject(failure("BUSY", true));
      if (tries > 8) return Promise.resolve({ done: true as const, counts: { seen: 1 } });
      return Promise.resolve({ more: true as const, retryAfterMs: 500, held: HELD });
    };
    await withLockable(sweepOf<null>("inside", 1, work), WARN, async (rig) => {
      const runId = await rig.start(["unlock"]);
      await rig.handleDue();
      const [open] = await rig.ports.store.listOpenBatches(
        { runId, track: "forward", stage: "inside" },
        { limit: 1 },
      );
      assert.deepEqual([open?.attempts, open?.failure?.code, open?.stuck], [1, "NOT_SERVED", false]);
      assert.equal((await rig.settle(runId)).run.state, "Succeeded");
    });
  });

  test("does not count from before a person resumed the run, nor outside the lock", async () => {
    const stuck = action<null>("inside", () => Promise.resolve(waitFor("it")));
    await withLockable(stuck, HOLD, async (rig) => {
      const { run } = await rig.run(["unlock"]);
      assert.equal(run.failure?.code, "GATE_DEADLINE");
      assert.match(run.failure.message, /^inside was held up for 6\d s, with the datastore locked: it$/);
      await rig.engine.resume(run.runId);
      await rig.handleDue();
      rig.clock.advance(30_000);
      await rig.handleDue();
      assert.equal((await rig.engine.describe(run.runId)).run.state, "Waiting");
    });
    await withRig(
      null,
      [migrationOf([action<null>("free", () => Promise.resolve(waitFor("it")))])],
      async (rig) => {
        const runId = await rig.start();
        await rig.handleDue();
        rig.clock.advance(60 * MINUTE);
        await rig.handleDue();
        assert.equal((await rig.engine.describe(runId)).run.state, "Waiting");
      },
    );
  });
});

describe("a lock that lasts longer than it may", () => {
  const waits = (reason: "Gate" | "Approval") =>
    action<null>(
      "inside",
      () =>
        Promise.resolve({
          wait: { reason, message: "for it", subject: "it", retryAfterMs: reason === "Gate" ? 1_000 : 0 },
        }),
      { heldMs: () => 60 * MINUTE },
    );

  for (const reason of ["Gate", "Approval"] as const) {
    test(`has a run undone that waits (${reason}), where a person wants that`, () =>
      withLockable(waits(reason), { ...WARN, onBudget: "rollback" }, async (rig, cluster) => {
        const runId = await rig.start(["unlock"]);
        await pass(rig, 9);
        assert.equal(cluster.locked, true);

        await pass(rig, 2);

        const { run, control } = await rig.settle(runId);
        assert.deepEqual([run.state, cluster.locked], ["RolledBack", false]);
        assert.equal(control.undoCause?.failure.code, "LOCK_BUDGET_EXCEEDED");
      }));

    test(`is warned of while a run waits (${reason}), which stays as it is`, () =>
      withLockable(waits(reason), WARN, async (rig, cluster) => {
        const runId = await rig.start(["unlock"]);
        await pass(rig, 30);

        const overdue = (await rig.events(runId)).filter(({ type }) => type === "datastore.lock-overdue");
        assert.ok(overdue.length >= 3, String(overdue.length));
        assert.equal(overdue[0]?.data["message"], "for it");
        assert.equal(cluster.locked, true);
        assert.equal((await rig.engine.describe(runId)).run.state, "Waiting");
      }));
  }

  test("has a paused and a failed run undone as well", async () => {
    const policy = { ...HOLD, onBudget: "rollback" } as const;
    await withLockable(broken, policy, async (rig, cluster) => {
      const runId = await rig.start(["unlock"]);
      await pass(rig, 11);
      assert.deepEqual([(await rig.settle(runId)).run.state, cluster.locked], ["RolledBack", false]);
    });
    await withLockable(waits("Gate"), policy, async (rig, cluster) => {
      const runId = await rig.start(["unlock"]);
      await rig.handleDue();
      await rig.engine.pause(runId);
      await pass(rig, 11);
      assert.deepEqual([(await rig.settle(runId)).run.state, cluster.locked], ["RolledBack", false]);
    });
  });

  /** Lets minutes pass, with a wake-up every ten seconds. */
  async function pass(rig: Rig<null>, minutes: number): Promise<void> {
    for (let tenth = 0; tenth < minutes * 6; tenth++) {
      await rig.handleDue();
      rig.clock.advance(10_000);
      await rig.engine.wakeDue();
    }
    await rig.handleDue();
  }
});

/** The store's methods that write. */
const WRITES = ["saveRun", "updateControl", "saveStage", "openBatches", "saveBatch", "closeBatch"] as const;

/** A store that dies before its write number `last` + 1 is made: nothing that it is asked afterwards comes back. */
function mortal(
  store: CheckpointStore,
  last: number,
): { store: CheckpointStore; died: Promise<"died">; writes: () => number } {
  let writes = 0;
  let die = (): void => undefined;
  const died = new Promise<"died">((resolve) => {
    die = () => {
      resolve("died");
    };
  });
  const never = new Promise<never>(() => undefined);
  const bound = new Proxy(store, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      const method = member as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => {
        if (writes > last) return never;
        if ((WRITES as readonly (string | symbol)[]).includes(name) && ++writes > last) {
          die();
          return never;
        }
        return method.apply(target, args);
      };
    },
  });
  return { store: bound, died, writes: () => writes };
}

/** Lets a run go back with a worker that dies before its write number `last` + 1; true when it lives to the end. */
async function backWith(rig: Rig<null>, cluster: Lockable, last: number): Promise<boolean> {
  const runId = await rig.start(["unlock"]);
  const life = mortal(rig.ports.store, last);
  const engine = rig.engineWith({ store: life.store, holder: "mortal" });
  const ended = await Promise.race([rig.settle(runId, engine).then(() => "settled" as const), life.died]);
  await isTrue(rig, runId, cluster);
  rig.clock.advance(MINUTE);

  const { run } = await rig.settle(runId);

  assert.deepEqual([run.state, cluster.locked], ["RolledBack", false], `killed before write ${last + 1}`);
  await isTrue(rig, runId, cluster);
  assert.equal((await told(rig, runId)).at(-1), "run.ended");
  return ended === "settled";
}

test("a run that goes back by itself ends as it would, wherever its worker is killed; what is told of its lock is never untrue", async () => {
  const lived: boolean[] = [];
  while (lived.at(-1) !== true) {
    await withLockable(broken, WARN, async (rig, cluster) => {
      lived.push(await backWith(rig, cluster, lived.length));
    });
  }
  assert.ok(lived.length > 15, String(lived.length));
});

/** What is said for certain of the lock is so. */
async function isTrue(rig: Rig<null>, runId: string, { locked }: Lockable): Promise<void> {
  const { run } = await rig.engine.describe(runId);
  const status = run.conditions.find(({ type }) => type === "DatastoreLocked")?.status ?? "False";
  if (status !== "Unknown") assert.equal(status, locked ? "True" : "False");
}
