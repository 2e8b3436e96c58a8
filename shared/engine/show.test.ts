import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Migration, ShowContext, Stage } from "./migration.ts";
import type { JsonObject } from "../json.ts";
import type { RunRecord } from "./records.ts";
import { NEVER, withRig } from "./testing/rig.ts";
import { action, DONE, failure, gate, migrationOf, waitFor } from "./testing/stages.ts";

type Show = (context: ShowContext<null, JsonObject>) => Promise<void>;

function shownBy(
  show: Show,
  stages: readonly Stage<null, JsonObject>[] = [action("one"), action("two")],
): Migration<null> {
  return { ...migrationOf(stages), show };
}

function conditionOf({ conditions }: RunRecord): string | undefined {
  const shown = conditions.find(({ type }) => type === "Shown");
  return shown === undefined ? undefined : `${shown.status} ${shown.reason}`;
}

describe("showing a run", () => {
  test("follows it from stage to stage to its end", async () => {
    const shown: string[] = [];
    const show: Show = ({ run }) => {
      shown.push(`${run.state} ${run.stage ?? "-"}`);
      return Promise.resolve();
    };
    await withRig(null, [shownBy(show)], async (rig) => {
      const { run } = await rig.run();
      assert.deepEqual([...new Set(shown)], ["Running one", "Running two", "Succeeded -"]);
      assert.equal(conditionOf(run), undefined);
    });
  });

  test("tells that it waits, that it failed, and that it is undone", async () => {
    const shown = new Set<string>();
    const show: Show = ({ run }) => {
      shown.add(`${run.track} ${run.state} ${run.waiting?.message ?? run.failure?.code ?? ""}`.trim());
      return Promise.resolve();
    };
    let checks = 0;
    const stages = [
      gate<null>("green", () => Promise.resolve(checks++ === 0 ? waitFor("it is red") : DONE)),
      action<null>("broken", () => Promise.reject(failure("BROKEN", false))),
    ];
    await withRig(null, [shownBy(show, stages)], async (rig) => {
      const { run } = await rig.run();
      assert.equal(run.state, "Failed");
      assert.ok(shown.has("forward Waiting it is red"));
      assert.ok(shown.has("forward Failed BROKEN"));
      await rig.engine.undo(run.runId, "abort");
      assert.equal((await rig.settle(run.runId)).run.state, "Aborted");
      assert.ok(shown.has("rollback RollingBack"));
      assert.ok(shown.has("rollback Aborted"));
    });
  });

  test("stops nothing where it fails, and the run says so until it works again", async () => {
    let isBroken = true;
    const show: Show = () => (isBroken ? Promise.reject(failure("AWAY", true)) : Promise.resolve());
    const stages = [
      action<null>("one"),
      action<null>("two", () => {
        isBroken = false;
        return Promise.resolve(DONE);
      }),
    ];
    await withRig(null, [shownBy(show, stages)], async (rig) => {
      const { run } = await rig.run([], "two");
      assert.equal(run.waiting?.subject, "two");
      assert.equal(conditionOf(run), "False AWAY");
      await rig.engine.approve(run.runId, "ann");
      const ended = (await rig.settle(run.runId)).run;
      assert.equal(ended.state, "Succeeded");
      assert.equal(conditionOf(ended), "True Shown");
    });
  });

  test("the same failure is written down once", async () => {
    const stages = [gate<null>("closed", () => Promise.resolve(waitFor("closed")))];
    const show: Show = () => Promise.reject(failure("AWAY", true));
    await withRig(null, [shownBy(show, stages)], async (rig) => {
      const runId = await rig.start();
      await rig.handleDue();
      const before = (await rig.engine.describe(runId)).run;
      rig.clock.advance(1_000);
      await rig.handleDue();
      const after = (await rig.engine.describe(runId)).run;
      assert.equal(conditionOf(after), "False AWAY");
      // One save for the look of the gate.
      assert.equal(after.version, before.version + 1);
    });
  });

  test("gets what the stages have recorded", async () => {
    const seen: unknown[] = [];
    const show: Show = async ({ notesOf, stageOf }) => {
      seen.push((await notesOf("one"))["colour"], (await stageOf("one"))?.state);
    };
    const stages = [
      action<null>("one", async (context) => {
        await context.record({ colour: "red" });
        return DONE;
      }),
    ];
    await withRig(null, [shownBy(show, stages)], async (rig) => {
      await rig.run();
      assert.deepEqual(seen.slice(-2), ["red", "done"]);
    });
  });

  test("is over with the run: what people do to what was shown then is theirs", async () => {
    let calls = 0;
    const show: Show = () => {
      calls++;
      return Promise.resolve();
    };
    await withRig(null, [shownBy(show)], async (rig) => {
      const { run } = await rig.run();
      const before = calls;
      await rig.engine.handle({ type: "run.advance", runId: run.runId }, NEVER);
      assert.equal(calls, before);
    });
  });
});
