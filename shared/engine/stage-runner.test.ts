import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Json, JsonObject } from "../json.ts";
import { askFor, shownAlways, shownThings } from "./approvals.ts";
import type { Stage, StageContext, StageOutcome, SweepPlan } from "./migration.ts";
import { type Rig, SETTINGS, withRig } from "./testing/rig.ts";
import { action, DONE, failure, gate, migrationOf, sweepOf, waitFor } from "./testing/stages.ts";

type TestStage = Stage<null, JsonObject>;

function withStages(stages: readonly TestStage[], body: (rig: Rig<null>) => Promise<void>): Promise<void> {
  return withRig(null, [migrationOf(stages)], body);
}

/** A sweep that plans these steps, one after the other, and counts each batch. */
function planned(
  name: string,
  steps: readonly (SweepPlan | Error | { wait: { reason: "Gate"; message: string; retryAfterMs: number } })[],
): {
  stage: TestStage;
  cursors: (Json | undefined)[];
} {
  const cursors: (Json | undefined)[] = [];
  const plan: Extract<TestStage, { kind: "sweep" }>["plan"] = (_context, cursor) => {
    const step = steps[cursors.length];
    cursors.push(cursor);
    if (step === undefined) throw new Error("planned too often");
    return step instanceof Error ? Promise.reject(step) : Promise.resolve(step);
  };
  const work = () => Promise.resolve({ done: true as const, counts: { seen: 1 } });
  return { stage: { kind: "sweep", name, title: name, plan, work }, cursors };
}

const batch = { scope: {}, size: 1 };
const NODES = shownThings("2 nodes", ["a", "b"]);
const unlockStage = action<null>("unlock", undefined, { pointOfNoReturn: true });
const eraseStage = action<null>("erase", undefined, { irreversible: true });

describe("gates", () => {
  test("are looked at again after their delay until they hold", async () => {
    const looks: number[] = [];
    let now = () => 0;
    const check = () => {
      looks.push(now());
      return Promise.resolve(looks.length < 3 ? waitFor("not yet", 10_000) : DONE);
    };
    await withStages([gate("ready", check)], async (rig) => {
      now = () => rig.clock.now();
      const begin = rig.clock.now();

      const { run } = await rig.run();

      assert.equal(run.state, "Succeeded");
      assert.deepEqual(
        looks.map((at) => at - begin),
        [0, 10_000, 20_000],
      );
    });
  });

  test("say what they wait for while they wait", () =>
    withStages([gate("ready", () => Promise.resolve(waitFor("3 of 5 pods", 5_000)))], async (rig) => {
      const runId = await rig.start();
      await rig.handleDue();

      const { run } = await rig.engine.describe(runId);
      const retryAt = rig.clock.now() + 5_000;
      assert.deepEqual(run.waiting, { reason: "Gate", message: "3 of 5 pods", retryAt });
      assert.equal(run.nextWakeAt, rig.clock.now() + 5_000);
    }));

  test("fail the run at their deadline, with what they waited for; a resume grants the time once more", async () => {
    let open = false;
    const check = () => Promise.resolve(open ? DONE : waitFor("3 of 5 pods"));
    await withStages([gate("ready", check, { deadlineMs: () => 60_000 })], async (rig) => {
      const { run } = await rig.run();
      assert.equal(run.failure?.code, "GATE_DEADLINE");
      assert.match(run.failure.message, /ready did not pass within 60 s: 3 of 5 pods/);

      await rig.engine.resume(run.runId);
      await rig.handleDue();
      rig.clock.advance(30_000);
      await rig.handleDue();
      assert.equal((await rig.engine.describe(run.runId)).run.waiting?.reason, "Gate");

      open = true;
      assert.equal((await rig.settle(run.runId)).run.state, "Succeeded");
    });
  });

  test("pass at their deadline when what they wait for holds by then", async () => {
    let looks = 0;
    const check = () => {
      looks += 1;
      return Promise.resolve(looks === 1 ? waitFor("not yet", 120_000) : DONE);
    };
    await withStages([gate("ready", check, { deadlineMs: () => 60_000 })], async (rig) => {
      assert.equal((await rig.run()).run.state, "Succeeded");
    });
  });

  test("have that time for themselves: what a person takes before does not count", async () => {
    let looks = 0;
    const shown = { message: "look", fingerprint: "f" };
    const check = (context: StageContext<null, JsonObject>) => {
      if (!context.approved("ready", shown)) return Promise.resolve({ wait: askFor("ready", shown) });
      looks += 1;
      return Promise.resolve(looks < 3 ? waitFor("3 of 5 pods", 20_000) : DONE);
    };
    await withStages([gate("ready", check, { deadlineMs: () => 60_000 })], async (rig) => {
      const runId = await rig.start();
      await rig.handleDue();
      rig.clock.advance(24 * 60 * 60_000);
      await rig.handleDue();
      assert.equal((await rig.engine.describe(runId)).run.waiting?.reason, "Approval");

      await rig.engine.approve(runId, "test", "ready");
      assert.equal((await rig.settle(runId)).run.state, "Succeeded");
    });
  });

  test("without a deadline wait for ever", () =>
    withStages(
      [gate("ready", () => Promise.resolve(waitFor("not yet")), { deadlineMs: () => undefined })],
      async (rig) => {
        const runId = await rig.start();
        await rig.handleDue();
        rig.clock.advance(365 * 24 * 60 * 60_000);
        await rig.handleDue();

        assert.equal((await rig.engine.describe(runId)).run.waiting?.reason, "Gate");
      },
    ));
});

describe("actions", () => {
  test("that wait are called again, and keep what they recorded", async () => {
    const seen: JsonObject[] = [];
    const act: Extract<TestStage, { kind: "action" }>["act"] = async (context) => {
      seen.push({ ...context.notes });
      await context.record({ calls: seen.length, first: context.notes["first"] ?? "kept" });
      return seen.length < 3 ? waitFor("draining") : DONE;
    };
    await withStages([action("drain", act)], async (rig) => {
      const { stages } = await rig.run();

      assert.deepEqual(seen, [{}, { calls: 1, first: "kept" }, { calls: 2, first: "kept" }]);
      assert.deepEqual(stages[0]?.notes, { calls: 3, first: "kept" });
    });
  });

  test("may wait for a person, and go on when the subject is approved", async () => {
    const act: Extract<TestStage, { kind: "action" }>["act"] = (context) =>
      Promise.resolve<StageOutcome>(
        context.approved("unmapped", NODES) ? DONE : { wait: askFor("unmapped", NODES) },
      );
    await withStages([action("map", act)], async (rig) => {
      const { run } = await rig.run();
      const { message, ...seen } = NODES;
      assert.deepEqual(run.waiting, { reason: "Approval", subject: "unmapped", message, ...seen });

      await rig.engine.approve(run.runId, "ann");
      assert.equal((await rig.settle(run.runId)).run.state, "Succeeded");
    });
  });
});

describe("approvals", () => {
  test("a point of no return waits before anything of it was done", async () => {
    let unlocked = 0;
    const unlock = action<null>(
      "unlock",
      () => {
        unlocked += 1;
        return Promise.resolve(DONE);
      },
      { pointOfNoReturn: true },
    );
    await withStages([action("lock"), unlock], async (rig) => {
      const { run, stages } = await rig.run();

      assert.deepEqual(
        [run.waiting?.reason, run.waiting?.subject, run.stage],
        ["Approval", "unlock", "unlock"],
      );
      assert.deepEqual(
        stages.map(({ stage }) => stage),
        ["lock"],
      );
      assert.equal(unlocked, 0);
      await rig.engine.approve(run.runId, "ann");
      assert.equal((await rig.settle(run.runId)).run.state, "Succeeded");
    });
  });

  test("a point of no return that was approved in advance does not wait", () =>
    withStages([action("unlock", undefined, { pointOfNoReturn: true })], async (rig) => {
      assert.equal((await rig.run(["unlock"])).run.state, "Succeeded");
    }));

  test("an approval of something else does not count, and neither does a resume", () =>
    withStages([unlockStage, eraseStage], async (rig) => {
      const { run } = await rig.run();
      await rig.engine.approve(run.runId, "ann", "erase");
      await rig.engine.resume(run.runId);

      assert.equal((await rig.settle(run.runId)).run.waiting?.subject, "unlock");
    }));

  test("stop-before waits before that stage, even where it was approved in advance", () =>
    withStages([action("copy"), action("lock")], async (rig) => {
      const { run, stages } = await rig.run(["lock"], "lock");

      assert.equal(run.waiting?.subject, "lock");
      assert.deepEqual(
        stages.map(({ stage }) => stage),
        ["copy"],
      );
      await rig.engine.approve(run.runId, "ann");
      assert.equal((await rig.settle(run.runId)).run.state, "Succeeded");
    }));

  test("a stage waits for each of its subjects that is needed, and for no other", async () => {
    const needs = (subject: string, why: string | undefined) => ({
      subject,
      needed: () => Promise.resolve(why === undefined ? undefined : shownThings(why, [why])),
    });
    const approvals = [
      needs("losses", "3 are lost"),
      needs("nothing", undefined),
      needs("nodes", "1 has no name"),
    ];
    await withStages([action("lock", undefined, { approvals })], async (rig) => {
      const first = await rig.run();
      assert.deepEqual([first.run.waiting?.subject, first.run.waiting?.message], ["losses", "3 are lost"]);
      await rig.engine.approve(first.run.runId, "ann");
      const second = await rig.settle(first.run.runId);
      assert.equal(second.run.waiting?.subject, "nodes");
      await rig.engine.approve(first.run.runId, "ann");
      assert.equal((await rig.settle(first.run.runId)).run.state, "Succeeded");
    });
  });

  test("a later stage's approval that an earlier one asks for is asked for where one wants to stop", async () => {
    const shown = shownAlways("unlock", "the lock is held until then");
    const approvals = [{ subject: "unlock", needed: () => Promise.resolve(shown) }];
    const stages = [action("lock", undefined, { approvals }), action("unlock")];
    const stopsAt = async (stopBefore?: string): Promise<string | undefined> => {
      let stage: string | undefined;
      await withStages(stages, async (rig) => {
        const { run } = await rig.run([], stopBefore);
        assert.equal(run.waiting?.subject, "unlock");
        await rig.engine.approve(run.runId, "ann");
        assert.equal((await rig.settle(run.runId)).run.state, "Succeeded");
        ({ stage } = run);
      });
      return stage;
    };
    assert.equal(await stopsAt(), "lock");
    assert.equal(await stopsAt("unlock"), "unlock");
  });
});

describe("holding the cluster", () => {
  test("begins with the first stage that changes it and ends with the run", async () => {
    const held: boolean[] = [];
    let rigOf: Rig<null> | undefined;
    const note: Extract<TestStage, { kind: "action" }>["act"] = async (context) => {
      const run = await rigOf?.ports.store.getRun(context.run.runId);
      held.push(run?.holdsCluster ?? false);
      return DONE;
    };
    const stages = [
      action("check", note),
      action("copy", note, { changesCluster: true }),
      action("report", note),
    ];
    await withStages(stages, async (rig) => {
      rigOf = rig;
      const { run } = await rig.run();

      assert.deepEqual(held, [false, true, true]);
      assert.equal(run.holdsCluster, false);
    });
  });

  test("keeps a second run from changing the same cluster, which goes on once the first has ended", async () => {
    let calls = 0;
    const act = () => {
      calls += 1;
      return Promise.resolve(calls === 1 ? waitFor("slow", 3_600_000) : DONE);
    };
    await withStages([action("check"), action("copy", act, { changesCluster: true })], async (rig) => {
      const first = await rig.start();
      await rig.handleDue();
      const second = await rig.run();
      assert.equal(second.run.failure?.code, "CLUSTER_BUSY");
      assert.deepEqual(
        second.stages.map(({ stage }) => stage),
        ["check"],
      );

      rig.clock.advance(3_600_000);
      await rig.settle(first);
      await rig.engine.resume(second.run.runId);
      assert.equal((await rig.settle(second.run.runId)).run.state, "Succeeded");
    });
  });
});

describe("sweeps", () => {
  test("plan from cursor to cursor, and count what their batches report", async () => {
    const { stage, cursors } = planned("copy", [
      { batches: [batch, batch], cursor: "b" },
      { batches: [], cursor: { page: 2 } },
      { batches: [{ scope: {}, size: 5 }], done: true },
    ]);
    await withStages([stage], async (rig) => {
      const { run, stages } = await rig.run();

      assert.equal(run.state, "Succeeded");
      assert.deepEqual(cursors, [undefined, "b", { page: 2 }]);
      const { batches, openBatches, total, counts, planned: isPlanned } = stages[0] ?? {};
      assert.deepEqual([batches, openBatches, total, counts, isPlanned], [3, 0, 7, { seen: 3 }, true]);
    });
  });

  test("without anything to do are done", async () => {
    const { stage } = planned("copy", [{ batches: [], done: true }]);
    await withStages([stage], async (rig) => {
      assert.equal((await rig.run()).run.state, "Succeeded");
    });
  });

  test("a barrier holds planning until every batch before it is closed", async () => {
    const { stage, cursors } = planned("copy", [
      { batches: [batch, batch], cursor: "tiers", barrier: true },
      { batches: [batch], done: true },
    ]);
    await withStages([stage], async (rig) => {
      await rig.start();
      await rig.handleDue(rig.engine, "run.advance");
      assert.equal(cursors.length, 1);

      const first = await rig.receive("batch.work");
      assert.ok(first);
      await rig.engine.handle(first.message, new AbortController().signal);
      await rig.handleDue(rig.engine, "run.advance");
      assert.equal(cursors.length, 1);

      await rig.handleDue();
      assert.deepEqual(cursors, [undefined, "tiers"]);
    });
  });

  test("without a barrier planning does not wait for batches, the stage does", async () => {
    const { stage, cursors } = planned("copy", [
      { batches: [batch], cursor: 1 },
      { batches: [batch], done: true },
    ]);
    await withStages([stage], async (rig) => {
      const runId = await rig.start();
      await rig.handleDue(rig.engine, "run.advance");

      const { run, stages } = await rig.engine.describe(runId);
      assert.deepEqual(cursors, [undefined, 1]);
      assert.deepEqual([run.state, stages[0]?.state, stages[0]?.openBatches], ["Running", "running", 2]);
    });
  });

  test("planning may wait, and goes on from the same cursor", async () => {
    const wait = { wait: { reason: "Gate" as const, message: "window", retryAfterMs: 5_000 } };
    const { stage, cursors } = planned("copy", [
      { batches: [batch], cursor: "a" },
      wait,
      { batches: [], done: true },
    ]);
    await withStages([stage], async (rig) => {
      assert.equal((await rig.run()).run.state, "Succeeded");
      assert.deepEqual(cursors, [undefined, "a", "a"]);
    });
  });

  test("tries that failed before planning went on are not added up", async () => {
    const busy = failure("BUSY", true);
    const steps = Array.from({ length: 2 * SETTINGS.retry.maxAttempts }, (_, index) => [
      busy,
      { batches: [], cursor: index },
    ]);
    const { stage } = planned("copy", [...steps.flat(), { batches: [], done: true }]);
    await withStages([stage], async (rig) => {
      assert.equal((await rig.run()).run.state, "Succeeded");
    });
  });

  test("notes recorded while planning outlive the counters that batches change meanwhile", async () => {
    const stage: TestStage = {
      ...sweepOf<null>("copy", 2, () => Promise.resolve({ done: true, counts: { seen: 1 } })),
      plan: async (context) => {
        await context.record({ revision: 42 });
        return { batches: [batch, batch], done: true };
      },
    };
    await withStages([stage], async (rig) => {
      const { stages } = await rig.run();

      assert.deepEqual([stages[0]?.notes, stages[0]?.counts], [{ revision: 42 }, { seen: 2 }]);
    });
  });
});
