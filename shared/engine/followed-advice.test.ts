import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { z } from "zod";
import { MigratorError } from "../errors.ts";
import { defineMigration } from "./migration.ts";
import type { ResolutionRequest } from "./records.ts";
import { type Rig, withRig } from "./testing/rig.ts";
import { action, DONE, failure, migrationOf } from "./testing/stages.ts";
import { advice } from "../testing/advice/refused.ts";

const MOVE = defineMigration<null, Record<string, never>>({
  ...{ name: "move", title: "Move", options: z.strictObject({}) },
  stages: [
    action("copy"),
    action("lock", undefined, {
      approvals: [{ subject: "losses", needed: () => Promise.resolve(undefined) }],
    }),
    action("unlock", undefined, { pointOfNoReturn: true }),
  ],
});
const request = { migration: "move", cluster: "east", options: {}, approvals: [] };

/** What an error with this code says to do. */
function adviceOf(code: string, act: () => Promise<unknown>): Promise<string> {
  return advice(act(), code);
}

/** The names that an advice lists. */
function namesIn(next: string): string[] {
  const [, names = ""] = /^Use one of: (.*)\.$/.exec(next) ?? [];
  assert.notEqual(names, "", next);
  return names.split(", ");
}

function withMove(body: (rig: Rig<null>) => Promise<void>): Promise<void> {
  return withRig(null, [MOVE], body);
}

describe("what is refused says what is taken", () => {
  test("a migration that there is not: each that is named starts", () =>
    withMove(async ({ engine }) => {
      const next = await adviceOf("MIGRATION_UNKNOWN", () => engine.start({ ...request, migration: "mvoe" }));
      for (const migration of namesIn(next)) await engine.start({ ...request, migration });
    }));

  test("a stage that there is not: before each that is named a run can stop", () =>
    withMove(async (rig) => {
      const wrong = { ...request, stopBefore: "lcok" };
      const next = await adviceOf("STAGE_UNKNOWN", () => rig.engine.start(wrong));
      for (const stopBefore of namesIn(next)) {
        const { runId } = await rig.engine.start({ ...request, cluster: stopBefore, stopBefore });
        assert.equal((await rig.settle(runId)).run.waiting?.subject, stopBefore);
      }
    }));

  test("a subject that nothing asks for: each that is named is known, and what a run waits for goes on", () =>
    withMove(async (rig) => {
      const { run } = await rig.run();
      const approve = (subject: string) => rig.engine.approve(run.runId, "ann", subject);
      const names = namesIn(await adviceOf("SUBJECT_UNKNOWN", () => approve("unlcok")));
      assert.deepEqual(names, ["losses", "unlock"]);
      await assert.rejects(approve("losses"), { code: "APPROVAL_UNSEEN" });
      await approve("unlock");
      assert.equal((await rig.settle(run.runId)).run.state, "Succeeded");
    }));

  test("an id that is taken: another one starts, and the first one can be looked at", () =>
    withMove(async ({ engine }) => {
      await engine.start({ ...request, runId: "move-once" });
      const next = await adviceOf("RUN_EXISTS", () => engine.start({ ...request, runId: "move-once" }));
      const [, runId = ""] = /Choose another id, or .*`calico-migrator describe (.*)`/.exec(next) ?? [];
      assert.equal((await engine.describe(runId)).run.cluster, "east");
      await engine.start({ ...request, runId: "move-twice" });
    }));
});

describe("a version of the program that lacks what a run needs", () => {
  test("its migration: the version that started it goes on, or the run is given up", () =>
    withMove(async (rig) => {
      const none = rig.engineWith({}, [migrationOf([])]);
      const runs = [await rig.start(["unlock"]), await rig.start(), await rig.start()];
      const [resumed = "", undone = "", given = ""] = runs;
      await adviceOf("RUN_MIGRATION_UNKNOWN", () => rig.handleDue(none));
      await adviceOf("RUN_MIGRATION_UNKNOWN", () => none.undo(undone, "rollback"));
      const next = await adviceOf("RUN_MIGRATION_UNKNOWN", () => none.approve(given, "ann", "unlock"));
      assert.match(
        next,
        new RegExp(`\`resume ${given}\` or \`rollback ${given}\` there.*\`.* abandon ${given}\``),
      );
      await none.abandon(given, "ann");
      assert.equal((await rig.settle(given)).run.state, "Abandoned");
      await rig.engine.resume(resumed);
      assert.equal((await rig.settle(resumed)).run.state, "Succeeded");
      await rig.engine.undo(undone, "rollback");
      assert.equal((await rig.settle(undone)).run.state, "RolledBack");
    }));

  test("the stage that it has reached: the version that started it goes on, or the run is given up", () =>
    withMove(async (rig) => {
      const { runId: first } = (await rig.run([], "lock")).run;
      const { runId: second } = (await rig.run([], "lock")).run;
      const other = rig.engineWith({}, [{ ...migrationOf([action<null>("copy")]), name: "move" }]);
      for (const runId of [first, second]) {
        await forgetStages(rig, runId);
        await other.resume(runId);
        const { failure } = (await rig.settle(runId, other)).run;
        assert.equal(failure?.code, "RUN_STAGE_UNKNOWN");
        assert.match(failure.next, new RegExp(`\`resume ${runId}\` .* there.*\`.* abandon ${runId}\``));
      }
      await rig.engine.resume(first);
      assert.equal((await rig.settle(first)).run.waiting?.subject, "lock");
      await other.abandon(second, "ann");
      assert.equal((await rig.settle(second, other)).run.state, "Abandoned");
    }));
});

describe("another run on the same cluster (CLUSTER_BUSY)", () => {
  for (const [what, state] of [
    ["resume", "Succeeded"],
    ["rollback", "RolledBack"],
  ] as const)
    test(`is ended with ${what}, then this one goes on`, async () => {
      let isBroken = true;
      const copy = action<null>(
        "copy",
        () => (isBroken ? Promise.reject(failure("BROKEN", false)) : Promise.resolve(DONE)),
        { changesCluster: true },
      );
      await withRig(null, [migrationOf([copy])], async (rig) => {
        const first = await rig.run();
        assert.equal(first.run.failure?.code, "BROKEN");
        const second = await rig.run();
        assert.equal(second.run.failure?.code, "CLUSTER_BUSY");
        const [, runId = ""] = new RegExp(`${what} (\\S+)\``).exec(second.run.failure.next) ?? [];
        assert.equal(runId, first.run.runId);
        isBroken = false;
        await (what === "resume" ? rig.engine.resume(runId) : rig.engine.undo(runId, what));
        assert.equal((await rig.settle(runId)).run.state, state);
        await rig.engine.resume(second.run.runId);
        assert.equal((await rig.settle(second.run.runId)).run.state, "Succeeded");
      });
    });
});

test("a run of which nothing can be undone any more (UNDO_TOO_LATE) ends after a resume", async () => {
  const ready = { yes: false };
  const erase = action<null>(
    "erase",
    async (context) => {
      await context.record({ begun: true });
      if (!ready.yes) throw new MigratorError("HELD", "something holds it", { next: "Mend it." });
      return DONE;
    },
    { irreversible: true, beyondUndo: ({ begun }) => (begun === true ? "it is erased" : undefined) },
  );
  await withRig(null, [migrationOf([erase])], async (rig) => {
    const { run } = await rig.run(["erase"]);
    assert.equal(run.failure?.code, "HELD");
    const next = await adviceOf("UNDO_TOO_LATE", () => rig.engine.undo(run.runId, "rollback"));
    assert.match(next, /^Leave it as it is, or `resume` it if it has not ended\./);
    ready.yes = true;
    await rig.engine.resume(run.runId);
    assert.equal((await rig.settle(run.runId)).run.state, "Succeeded");
  });
});

test("more decisions than fit (RESOLUTIONS_TOO_MANY) are made some hundreds at a time, or for a whole kind", async () => {
  const keys = Array.from({ length: 3_000 }, (_, n) => `NetworkPolicy/shop/${n}`);
  const seen = "s".repeat(64);
  const decisions = keys.map((key): ResolutionRequest => ({ key, seen, use: "skip" }));
  const settled = new Map<string, Set<string>>();
  /** It remembers by what it has gone, as a run does in its ledger. */
  const copy = action<null>("copy", (context) => {
    const done = settled.get(context.run.runId) ?? new Set();
    settled.set(context.run.runId, done);
    for (const key of keys) {
      const decision = context.resolution({ key, kind: "NetworkPolicy", seen, since: 0 });
      if (decision !== undefined) done.add(key);
    }
    const message = `${keys.length - done.size} differ`;
    return Promise.resolve(
      done.size === keys.length ? DONE : { wait: { reason: "Conflict", message, retryAfterMs: 0 } },
    );
  });
  await withRig(null, [migrationOf([copy])], async (rig) => {
    const { run } = await rig.run();
    const next = await adviceOf("RESOLUTIONS_TOO_MANY", () =>
      rig.engine.resolve(run.runId, "ann", decisions),
    );
    assert.match(next, /^Decide some hundreds, let the run go by them, then decide the next; .*`KIND\/\*`/);
    for (let first = 0; first < decisions.length; first += 800) {
      await rig.engine.resolve(run.runId, "ann", decisions.slice(first, first + 800));
      await rig.settle(run.runId);
    }
    assert.equal((await rig.settle(run.runId)).run.state, "Succeeded");
    const other = await rig.run();
    const all = { kind: "NetworkPolicy", seenUpTo: rig.clock.now(), use: "skip" } as const;
    await rig.engine.resolve(other.run.runId, "ann", [all]);
    assert.equal((await rig.settle(other.run.runId)).run.state, "Succeeded");
  });
});

/** As a run of old is, which has kept no list of its stages. */
async function forgetStages(rig: Rig<null>, runId: string): Promise<void> {
  const lease = await rig.ports.store.acquireLease(`run/${runId}`, "test", 1_000);
  assert.ok(lease !== undefined);
  const { stages: _, ...old } = (await rig.engine.describe(runId)).run;
  await rig.ports.store.saveRun(old, lease, []);
  await rig.ports.store.releaseLease(lease);
}
