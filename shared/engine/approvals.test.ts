import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../json.ts";
import { askFor, parseApproval, type Shown, shownAlways, shownThings, Tally } from "./approvals.ts";
import type { Stage } from "./migration.ts";
import { type Rig, withRig } from "./testing/rig.ts";
import { action, DONE, migrationOf } from "./testing/stages.ts";

/** What would be lost, as it stands while a test goes on. */
class Losses {
  things: string[] = ["a"];
  readonly taken: string[][] = [];

  get shown(): Shown {
    return shownThings(`${this.things.length} are lost`, this.things);
  }

  take(): void {
    this.taken.push([...this.things]);
  }
}

/** Asks before its first stage, inside the second, and on the way back. */
function stagesOf(losses: Losses): Stage<null, JsonObject>[] {
  const needed = () => Promise.resolve(losses.things.length === 0 ? undefined : losses.shown);
  const late = action<null>(
    "late",
    (context) => {
      if (!context.approved("losses-late", losses.shown))
        return Promise.resolve({ wait: askFor("losses-late", losses.shown) });
      losses.take();
      return Promise.resolve(DONE);
    },
    { asks: [{ subject: "losses-late", kind: "found" }] },
  );
  const back = action<null>(
    "back",
    (context) =>
      Promise.resolve(
        context.approved("late-changes", losses.shown)
          ? DONE
          : { wait: askFor("late-changes", losses.shown) },
      ),
    { asks: [{ subject: "late-changes", kind: "found" }] },
  );
  return [
    action("copy"),
    action("lock", undefined, { approvals: [{ subject: "losses", needed }], undo: [back] }),
    late,
    action("unlock", undefined, { pointOfNoReturn: true }),
    action("erase", undefined, { irreversible: true }),
  ];
}

function withLosses(body: (rig: Rig<null>, losses: Losses) => Promise<void>): Promise<void> {
  const losses = new Losses();
  return withRig(null, [migrationOf(stagesOf(losses))], (rig) => body(rig, losses));
}

describe("an approval", () => {
  test("holds for what was shown, and what has changed since is asked for again", () =>
    withLosses(async (rig, losses) => {
      const { run } = await rig.run();
      assert.deepEqual([run.waiting?.subject, run.waiting?.count], ["losses", 1]);
      await rig.engine.approve(run.runId, "ann");
      losses.things = ["a", "b"];

      const again = (await rig.settle(run.runId)).run;

      assert.deepEqual([again.waiting?.subject, again.waiting?.message], ["losses", "2 are lost"]);
      await rig.engine.approve(run.runId, "ann");
      assert.equal((await rig.settle(run.runId)).run.waiting?.subject, "losses-late");
    }));

  test("of what a stage asks for itself covers no more either", () =>
    withLosses(async (rig, losses) => {
      const { run } = await rig.run();
      await rig.engine.approve(run.runId, "ann");
      await rig.settle(run.runId);
      await rig.engine.approve(run.runId, "ann", "losses-late");
      losses.things = Array.from({ length: 20 }, (_, n) => `late-${n}`);

      const { waiting } = (await rig.settle(run.runId)).run;

      assert.deepEqual([waiting?.subject, waiting?.count, losses.taken], ["losses-late", 20, []]);
      await rig.engine.approve(run.runId, "ann", "losses-late", waiting?.fingerprint);
      assert.equal((await rig.settle(run.runId)).run.waiting?.subject, "unlock");
      assert.deepEqual(losses.taken, [losses.things]);
    }));

  test("that names another fingerprint than is shown now is refused, and nothing is recorded", () =>
    withLosses(async (rig, losses) => {
      const { run } = await rig.run();
      const seen = run.waiting?.fingerprint;
      losses.things = ["b"];
      await rig.engine.approve(run.runId, "ann");
      await rig.engine.resume(run.runId);
      losses.things = ["c"];
      const { waiting } = (await rig.settle(run.runId)).run;

      await assert.rejects(rig.engine.approve(run.runId, "ann", "losses", seen), {
        code: "APPROVAL_STALE",
        message: new RegExp(`${waiting?.fingerprint ?? "?"} now: 1 are lost`),
        next: new RegExp(`approve ${run.runId} losses@${waiting?.fingerprint ?? "?"}`),
      });
      assert.equal((await rig.engine.describe(run.runId)).control.approvals.length, 1);
    }));

  test("cannot be given of what nobody has shown", () =>
    withLosses(async (rig) => {
      const { run } = await rig.run();
      for (const subject of ["losses-late", "late-changes"]) {
        await assert.rejects(rig.engine.approve(run.runId, "ann", subject), {
          code: "APPROVAL_UNSEEN",
          message: new RegExp(`"${subject}" is not asked for yet`),
        });
        await assert.rejects(rig.start([subject]), { code: "APPROVAL_UNSEEN" });
      }
      assert.deepEqual((await rig.engine.describe(run.runId)).control.approvals, []);
    }));

  test("cannot be given in advance where a person wants to look first", () =>
    withLosses(async (rig) => {
      const runId = await rig.start([], "late");
      await assert.rejects(rig.engine.approve(runId, "ann", "late"), { code: "APPROVAL_UNSEEN" });
    }));

  test("of a subject that nothing asks for is refused, and the known ones are named", () =>
    withLosses(async (rig) => {
      const runId = await rig.start();
      const refused = {
        code: "SUBJECT_UNKNOWN",
        message: /"lcok"/,
        next: "Use one of: losses, losses-late, late-changes, unlock, erase.",
      };
      await assert.rejects(rig.engine.approve(runId, "ann", "lcok"), refused);
      await assert.rejects(rig.start(["lcok"]), refused);
      assert.equal((await rig.ports.store.listRuns({ limit: 10 })).items.length, 1);
    }));

  test("in advance of what a plan has shown holds where it is found again, and only there", () =>
    withLosses(async (rig, losses) => {
      const [ask] = (await rig.engine.asks(await rig.start(), new AbortController().signal)) ?? [];
      const { subject = "", fingerprint = "" } = ask ?? {};
      const approvals = [{ subject, fingerprint, by: "ann", at: 1 }];
      const request = { migration: "test", cluster: "east", options: {}, approvals };
      const { runId } = await rig.engine.start(request);
      assert.equal((await rig.settle(runId)).run.waiting?.subject, "losses-late");

      losses.things = ["a", "b"];
      const other = await rig.engine.start({ ...request, cluster: "west" });
      assert.equal((await rig.settle(other.runId)).run.waiting?.subject, "losses");
    }));

  test("as runs of old have it, without a fingerprint, holds for nothing: it is asked for again", () =>
    withLosses(async (rig) => {
      const runId = await rig.start();
      const approvals = ["losses", "unlock", "erase"].map((subject) => ({ subject, by: "ann", at: 1 }));
      await rig.ports.store.updateControl(runId, (control) => ({ ...control, approvals }));
      assert.equal((await rig.settle(runId)).run.waiting?.subject, "losses");
    }));

  test("is told with all that identifies it, once for each that differs", () =>
    withLosses(async (rig, losses) => {
      const { run } = await rig.run();
      await rig.engine.approve(run.runId, "ann");
      losses.things = ["z"];
      await rig.settle(run.runId);
      const told = (await rig.events(run.runId)).filter(({ type }) => type === "run.waiting");
      assert.deepEqual(
        told.map(({ data }) => [data["subject"], data["count"], data["fingerprint"]]),
        ["a", "z"].map((thing) => ["losses", 1, shownThings("", [thing]).fingerprint]),
      );
    }));
});

test("what a run will ask for is told before it asks, stage by stage", () =>
  withLosses(async (rig, losses) => {
    const asks = (await rig.engine.asks(await rig.start(), new AbortController().signal)) ?? [];
    assert.deepEqual(
      asks.map(({ stage, subject, count, irreversible }) => [stage, subject, count, irreversible]),
      [
        ["lock", "losses", 1, false],
        ["unlock", "unlock", undefined, false],
        ["erase", "erase", undefined, true],
      ],
    );
    assert.equal(asks[0]?.fingerprint, losses.shown.fingerprint);
  }));

describe("a fingerprint", () => {
  const of = (...things: string[]): string => shownThings("", things).fingerprint;

  test("is the same in whatever order things come, and another for any other things", () => {
    assert.equal(of("a", "b", "c"), of("c", "a", "b"));
    const others = [
      of(),
      of("a"),
      of("a", "b"),
      of("a", "a"),
      of("ab"),
      of("b"),
      shownAlways("a", "").fingerprint,
    ];
    assert.equal(new Set(others).size, others.length);
  });

  test("is that of all things, not of those that are named", () => {
    const tally = new Tally();
    for (let n = 0; n < 10_000; n++) tally.add(["thing", n]);
    const before = tally.fingerprint;
    tally.add(["thing", 10_000]);
    assert.deepEqual([tally.count, tally.fingerprint === before], [10_001, false]);
  });

  test("is written after an @", () => {
    assert.deepEqual(parseApproval("losses@12ab"), { subject: "losses", fingerprint: "12ab" });
    assert.deepEqual(parseApproval("unlock"), { subject: "unlock" });
  });
});
