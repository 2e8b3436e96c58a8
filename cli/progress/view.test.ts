import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { aStage } from "../../shared/engine/contract/fixtures.ts";
import { fakeMigration } from "../testing/fake-migration.ts";
import { copyStage, snapshotAt } from "../testing/snapshots.ts";
import { plainPaint } from "../output/paint.ts";
import { frame } from "./frame.ts";
import { currentStage, Viewer } from "./view.ts";

const viewer = (): Viewer => new Viewer(fakeMigration());

describe("a view", () => {
  test("tells the rate of the last ten seconds, and the time left", () => {
    const live = viewer();
    live.view(snapshotAt(1, { stages: [copyStage(0)] }));
    const [stage] = live.view(snapshotAt(3, { stages: [copyStage(400)] })).stages;
    assert.deepEqual([stage?.done, stage?.total, stage?.perSecond, stage?.leftMs], [400, 1000, 200, 3000]);
    for (let second = 4; second <= 20; second++) live.view(snapshotAt(second, { stages: [copyStage(400)] }));
    assert.equal(live.view(snapshotAt(21, { stages: [copyStage(400)] })).stages[0]?.perSecond, undefined);
  });

  test("goes on with the stage of the way back, not with one that the run stopped when it turned", () => {
    const stopped = copyStage(159, { total: 301 });
    const back = aStage({ ...copyStage(40, { total: 165 }), stage: "uncopy", track: "rollback" });
    const run = { state: "RollingBack", track: "rollback", stage: "uncopy" } as const;
    const view = viewer().view(snapshotAt(9, { run, stages: [stopped, back] }));
    assert.deepEqual(
      view.stages.map(({ name, state, done, total }) => [name, state, done, total]),
      [
        ["copy", "stopped", 159, 301],
        ["uncopy", "running", 40, 165],
      ],
    );
    assert.equal(currentStage(view)?.name, "uncopy");
    assert.match(
      frame(view, plainPaint).join("\n"),
      /copy +stopped, as the run goes back at 159\/301\n▸ uncopy/,
    );
  });

  test("counts what is done where nobody knows how much there is", () => {
    const sweep = { total: 0, batches: 1, openBatches: 1, counts: { compared: 300, skipped: 19 } };
    const running = viewer().view(snapshotAt(9, { run: { stage: "copy" }, stages: [copyStage(0, sweep)] }));
    assert.deepEqual([currentStage(running)?.done, currentStage(running)?.total], [319, 0]);
    assert.match(frame(running, plainPaint).join("\n"), / 319 so far /);
    const ended = copyStage(0, { ...sweep, state: "done", openBatches: 0, finishedAt: 6000 });
    const [stage] = viewer().view(snapshotAt(9, { stages: [ended] })).stages;
    assert.deepEqual([stage?.done, stage?.total], [319, 319]);
  });

  test("tells the average of a stage that is done", () => {
    const done = copyStage(1000, { state: "done", openBatches: 0, finishedAt: 6000 });
    const [stage] = viewer().view(snapshotAt(60, { stages: [done] })).stages;
    assert.deepEqual([stage?.state, stage?.elapsedMs, stage?.perSecond], ["done", 5000, 200]);
  });

  test("expects as many resources as were counted before while they are still being planned", () => {
    const counted = aStage({ stage: "preflight", state: "done", notes: { byKind: { A: 700, B: 800 } } });
    const planning = copyStage(100, { planned: false });
    const view = viewer().view(snapshotAt(2, { stages: [counted, planning] }));
    assert.equal(view.stages[1]?.total, 1500);
    const locked = aStage({ stage: "lock", state: "done" });
    const inside = viewer().view(snapshotAt(2, { stages: [counted, locked, planning] }));
    assert.equal(inside.stages[2]?.total, 1000);
  });

  test("shows how long a datastore is locked, until it is unlocked", () => {
    const lock = aStage({ stage: "lock", startedAt: 2000, state: "done" });
    const unlock = aStage({ stage: "unlock", startedAt: 5000 });
    assert.equal(viewer().view(snapshotAt(4)).lockedMs, undefined);
    assert.equal(viewer().view(snapshotAt(4, { stages: [lock] })).lockedMs, 2000);
    assert.equal(viewer().view(snapshotAt(6, { stages: [lock, unlock] })).lockedMs, 4000);
    const ended = [lock, { ...unlock, state: "done" as const }];
    assert.equal(viewer().view(snapshotAt(6, { stages: ended })).lockedMs, undefined);
    const undone = aStage({ stage: "unlock-again", track: "rollback", state: "done" });
    assert.equal(viewer().view(snapshotAt(6, { stages: [lock, undone] })).lockedMs, undefined);
  });

  test("shows no lock where the stage that locks has failed before it locked", () => {
    const failure = { code: "REHEARSAL_FAILED", message: "nothing is locked", next: "Mend it." };
    const stages = [aStage({ stage: "lock", startedAt: 2000 })];
    const failed = snapshotAt(36, { run: { state: "Failed", stage: "lock", failure }, stages });
    assert.equal(viewer().view(failed).lockedMs, undefined);
    assert.equal(viewer().view(snapshotAt(37, { run: { stage: "lock" }, stages })).lockedMs, undefined);
  });

  test("shows the stage that waits for an approval before it begins", () => {
    const waiting = { reason: "Approval", message: "is it fine?", subject: "unlock" } as const;
    const run = { state: "Waiting", stage: "unlock", waiting } as const;
    const [stage] = viewer().view(snapshotAt(1, { run })).stages;
    assert.deepEqual(
      [stage?.name, stage?.state, stage?.message],
      ["unlock", "waiting", "Approval: is it fine?"],
    );
  });
});
