import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { z } from "zod";
import { shownAlways } from "./approvals.ts";
import { Engine } from "./engine.ts";
import { defineMigration } from "./migration.ts";
import { type Rig, SETTINGS, withRig } from "./testing/rig.ts";
import { action, DONE, migrationOf, waitFor } from "./testing/stages.ts";

const migration = defineMigration<null, { concurrency: number }>({
  name: "move",
  title: "Move",
  options: z.strictObject({ concurrency: z.number().default(8) }),
  stages: [action("copy"), action("unlock", undefined, { pointOfNoReturn: true })],
});

const request = { migration: "move", cluster: "east", options: {}, approvals: [] };

function withEngine(body: (rig: Rig<null>, engine: Engine<null>) => Promise<void>): Promise<void> {
  const other = migrationOf<null>([action("one", () => Promise.resolve(waitFor("x")))]);
  return withRig(null, [other], (rig) => body(rig, new Engine(rig.ports, SETTINGS, [migration, other])));
}

describe("starting a run", () => {
  test("keeps the options as the migration parsed them, and sends a message", () =>
    withEngine(async (rig, engine) => {
      const { runId } = await engine.start(request);

      const { run, control, stages } = await engine.describe(runId);
      assert.deepEqual([run.migration, run.cluster, run.options], ["move", "east", { concurrency: 8 }]);
      assert.deepEqual([run.state, run.track, run.holdsCluster], ["Pending", "forward", false]);
      assert.deepEqual(control, { pause: false, approvals: [], retries: 0 });
      assert.deepEqual(stages, []);
      assert.deepEqual((await rig.receive())?.message, { type: "run.advance", runId });
    }));

  test("gives every run an id of its own", () =>
    withEngine(async (_rig, engine) => {
      const ids = new Set([1, 2, 3].map(() => ""));
      for (let i = 0; i < 20; i += 1) ids.add((await engine.start(request)).runId);

      assert.equal(ids.size, 21);
    }));

  test("asked for twice under one id starts one run", () =>
    withEngine(async (rig, engine) => {
      await engine.start({ ...request, runId: "move-once" });
      await assert.rejects(engine.start({ ...request, runId: "move-once" }), { code: "RUN_EXISTS" });

      const { items } = await rig.ports.store.listRuns({ limit: 10 });
      assert.deepEqual(
        items.map(({ runId }) => runId),
        ["move-once"],
      );
    }));

  for (const [what, over, code, names] of [
    ["a migration that there is not", { migration: "mvoe" }, "MIGRATION_UNKNOWN", /mvoe/],
    ["a stage that there is not", { stopBefore: "unlcok" }, "STAGE_UNKNOWN", /unlcok/],
    ["an option of another type", { options: { concurrency: "many" } }, "OPTIONS_INVALID", /concurrency/],
    ["an option that there is not", { options: { speed: 1 } }, "OPTIONS_INVALID", /speed/],
    ["options that are none", { options: null }, "OPTIONS_INVALID", /move/],
  ] as const) {
    test(`refuses ${what}, names it, and writes nothing`, () =>
      withEngine(async (rig, engine) => {
        await assert.rejects(
          engine.start({ ...request, ...over }),
          (error: Error & { code?: string; next?: string }) => {
            assert.equal(error.code, code);
            assert.match(error.message, names);
            assert.ok(error.next);
            return true;
          },
        );

        assert.deepEqual((await rig.ports.store.listRuns({ limit: 9 })).items, []);
        assert.equal(await rig.receive(), undefined);
      }));
  }

  test("the hints for names list those that there are", () =>
    withEngine(async (_rig, engine) => {
      await assert.rejects(engine.start({ ...request, migration: "x" }), { next: "Use one of: move, test." });
      await assert.rejects(engine.start({ ...request, stopBefore: "x" }), {
        next: "Use one of: copy, unlock.",
      });
    }));
});

describe("operations on a run", () => {
  test("say when there is no such run", () =>
    withEngine(async (_rig, engine) => {
      for (const operation of [
        () => engine.pause("gone"),
        () => engine.resume("gone"),
        () => engine.approve("gone", "ann", "unlock"),
        () => engine.undo("gone", "abort"),
        () => engine.wake("gone"),
        () => engine.describe("gone"),
      ]) {
        await assert.rejects(operation, { code: "RUN_NOT_FOUND", message: /"gone"/ });
      }
    }));

  test("an approval is kept with who gave it and when", () =>
    withEngine(async (rig, engine) => {
      const { runId } = await engine.start(request);
      await rig.settle(runId, engine);
      rig.clock.advance(5);

      const approval = await engine.approve(runId, "ann");

      const { fingerprint } = shownAlways("unlock", "");
      const { control } = await engine.describe(runId);
      assert.deepEqual(approval, { subject: "unlock", fingerprint, by: "ann", at: rig.clock.now() });
      assert.deepEqual(control.approvals, [approval]);
    }));

  test("an approval without a subject needs a run that waits for one", () =>
    withEngine(async (_rig, engine) => {
      const { runId } = await engine.start(request);

      await assert.rejects(engine.approve(runId, "ann"), { code: "NOTHING_TO_APPROVE" });
      assert.deepEqual((await engine.describe(runId)).control.approvals, []);
    }));

  test("a run that was undone cannot be undone again", () =>
    withEngine(async (rig, engine) => {
      for (const kind of ["abort", "rollback"] as const) {
        const { runId } = await engine.start(request);
        await engine.undo(runId, kind);
        await rig.settle(runId, engine);

        await assert.rejects(engine.undo(runId, "rollback"), { code: "UNDO_ENDED" });
        await assert.rejects(engine.undo(runId, "abort"), { code: "UNDO_ENDED" });
      }
    }));

  test("an abort is refused past the point of no return, and asks for nothing; a rollback is not refused", () =>
    withEngine(async (rig, engine) => {
      const approvals = [{ subject: "unlock", by: "ann", at: 1 }];
      const { runId } = await engine.start({ ...request, approvals });
      await rig.settle(runId, engine);

      await assert.rejects(engine.undo(runId, "abort"), { code: "ABORT_TOO_LATE", next: /rollback/ });
      assert.equal((await engine.describe(runId)).control.undo, undefined);
      await engine.undo(runId, "rollback");
      assert.equal((await rig.settle(runId, engine)).run.state, "RolledBack");
    }));

  test("an abort is refused from the moment the point of no return has begun", async () => {
    const unlock = action<null>("unlock", () => Promise.resolve(waitFor("half done")), {
      pointOfNoReturn: true,
    });
    await withRig(null, [migrationOf([unlock])], async (rig) => {
      const runId = await rig.start(["unlock"]);
      await rig.engine.undo(runId, "abort");
      await rig.settle(runId);

      const late = await rig.start(["unlock"]);
      await rig.handleDue();
      await assert.rejects(rig.engine.undo(late, "abort"), { code: "ABORT_TOO_LATE" });
    });
  });

  test("a run that waits for approval can be resumed without harm", () =>
    withEngine(async (rig, engine) => {
      const { runId } = await engine.start(request);
      await rig.settle(runId, engine);
      await engine.resume(runId);

      assert.equal((await rig.settle(runId, engine)).run.waiting?.subject, "unlock");
    }));

  test("what people ask at the same time is all kept", () =>
    withEngine(async (_rig, engine) => {
      const { runId } = await engine.start(request);
      const people = ["ann", "bob", "cat", "dan"];
      await Promise.all(people.map((by) => engine.approve(runId, by, "unlock")));

      const { control } = await engine.describe(runId);
      assert.deepEqual(control.approvals.map(({ by }) => by).sort(), people);
    }));
});

describe("waking", () => {
  test("is for runs whose time has come, and leaves those that have ended alone", async () => {
    let done = false;
    const act = () => Promise.resolve(done ? DONE : waitFor("later", 10_000));
    await withRig(null, [migrationOf([action("one", act)])], async (rig) => {
      const runId = await rig.start();
      await rig.handleDue();
      assert.deepEqual(await rig.engine.wakeDue(), []);
      rig.clock.advance(10_000);
      assert.deepEqual(await rig.engine.wakeDue(), [runId]);

      done = true;
      await rig.settle(runId);
      rig.clock.advance(24 * 60 * 60_000);
      assert.deepEqual(await rig.engine.wakeDue(), []);
    });
  });

  test("takes no more at a time than it is told", async () => {
    await withRig(null, [migrationOf([action("one")])], async (rig) => {
      for (let i = 0; i < 5; i += 1) await rig.start();
      rig.clock.advance(60_000);

      assert.equal((await rig.engine.wakeDue(2)).length, 2);
    });
  });
});
