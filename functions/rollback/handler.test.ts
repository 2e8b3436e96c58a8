import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Command, CommandMeta } from "../../events/commands.ts";
import { encodeWork } from "../../events/work.ts";
import { type Rig, withRig } from "../../shared/engine/testing/rig.ts";
import { action, DONE, migrationOf } from "../../shared/engine/testing/stages.ts";
import { bodyOf, recordOf } from "../testing/events.ts";
import { QueueRig } from "../testing/queue-rig.ts";
import { carryOutRunCommand } from "../run/handler.ts";
import { carryOutRollbackCommand } from "./handler.ts";

const change = action<undefined>("change", () => Promise.resolve(DONE), {
  changesCluster: true,
  undo: [action("change-back")],
});
const final = action<undefined>("final", undefined, { pointOfNoReturn: true, undo: [action("final-back")] });

const HOUR_MS = 3_600_000;
const WITHIN_MS = 2 * HOUR_MS;

function withQueue(body: (queue: QueueRig<undefined>, rig: Rig<undefined>) => Promise<void>): Promise<void> {
  return withRig(undefined, [migrationOf([change, final])], (rig) =>
    body(
      new QueueRig(rig, (command, engine, asked) =>
        carryOutRollbackCommand(command, engine, { ...rig.ports, asked, withinMs: WITHIN_MS }),
      ),
      rig,
    ),
  );
}

async function send(
  queue: QueueRig<undefined>,
  command: Command,
  meta: Partial<CommandMeta> = {},
): Promise<boolean> {
  const record = recordOf(bodyOf(command, meta), { receives: 3 });
  return (await queue.handle([record])).batchItemFailures.length === 0;
}

/** Handles what was sent, until nothing is left to do. */
async function workOn(queue: QueueRig<undefined>): Promise<void> {
  while (queue.sent.length > 0) {
    const records = queue.sent.splice(0).map(({ message, hops }) => recordOf(encodeWork(message, hops)));
    assert.deepEqual((await queue.handle(records)).batchItemFailures, []);
  }
}

const rollback = (data: { runId: string } | { cluster: string }): Command => ({
  type: "RollbackRequested",
  data: { by: "alarm", ...data },
});

describe("the queue of rollbacks", () => {
  test("takes a run back", () =>
    withQueue(async (queue, rig) => {
      const { run } = await rig.run();
      assert.equal(run.state, "Waiting");

      assert.ok(await send(queue, rollback({ runId: run.runId })));
      await queue.handle(queue.sent.map(({ message, hops }) => recordOf(encodeWork(message, hops))));

      assert.equal((await rig.engine.describe(run.runId)).run.state, "RolledBack");
      assert.equal(queue.observers.counted.RunsRolledBack, 1);
    }));

  test("finds the run that holds a cluster, though a newer one waits there", () =>
    withQueue(async (queue, rig) => {
      const { run: holder } = await rig.run();
      rig.clock.advance(1_000);
      const newer = await rig.start();

      assert.ok(await send(queue, rollback({ cluster: "east" })));

      assert.equal((await rig.engine.describe(holder.runId)).control.undo, "rollback");
      assert.equal((await rig.engine.describe(newer)).control.undo, undefined);
    }));

  test("takes the newest run that has begun on a cluster that none holds", () =>
    withQueue(async (queue, rig) => {
      const older = (await rig.run(["final"])).run.runId;
      rig.clock.advance(1_000);
      const newest = (await rig.run(["final"])).run.runId;
      rig.clock.advance(1_000);
      const pending = await rig.start();

      assert.ok(await send(queue, rollback({ cluster: "east" })));

      assert.equal((await rig.engine.describe(pending)).control.undo, undefined, "it has changed nothing");

      assert.equal((await rig.engine.describe(older)).control.undo, undefined);
      assert.equal((await rig.engine.describe(newest)).control.undo, "rollback");
    }));

  test("takes no run that ended too long before, for a cluster; by its name it does", () =>
    withQueue(async (queue, rig) => {
      const { runId } = (await rig.run(["final"])).run;
      rig.clock.advance(WITHIN_MS + 1);

      assert.ok(await send(queue, rollback({ cluster: "east" })));

      const [refusal] = queue.refusals;
      assert.equal(refusal?.code, "ROLLBACK_TOO_LATE");
      assert.match(refusal.message, /ended more than 120 min ago/);
      assert.ok(refusal.next.includes(`calico-migrator rollback ${runId} --aws`));
      assert.equal((await rig.engine.describe(runId)).control.undo, undefined);

      assert.ok(await send(queue, rollback({ runId })));
      assert.equal((await rig.engine.describe(runId)).control.undo, "rollback");
    }));

  test("takes a run of a cluster up to the end of that time, and an unfinished one whenever", () =>
    withQueue(async (queue, rig) => {
      const { runId } = (await rig.run(["final"])).run;
      rig.clock.advance(WITHIN_MS);
      assert.ok(await send(queue, rollback({ cluster: "east" })));
      assert.equal((await rig.engine.describe(runId)).control.undo, "rollback");
      await workOn(queue);

      const waiting = (await rig.run()).run.runId;
      rig.clock.advance(10 * WITHIN_MS);
      assert.ok(await send(queue, rollback({ cluster: "east" })));
      assert.equal((await rig.engine.describe(waiting)).control.undo, "rollback");
    }));

  test("takes no run that began after the alarm rang, and nothing when the alarm comes again", () =>
    withQueue(async (queue, rig) => {
      const rang = { id: "alarm-1", time: new Date(rig.clock.now()).toISOString() };
      await rig.run(["final"]);
      assert.ok(await send(queue, rollback({ cluster: "east" }), rang));
      await workOn(queue);
      rig.clock.advance(HOUR_MS);
      const newer = (await rig.run()).run.runId;

      assert.ok(await send(queue, rollback({ cluster: "east" }), rang));

      assert.equal((await rig.engine.describe(newer)).control.undo, undefined);
      assert.deepEqual(queue.refusals, []);
    }));

  test("says so where a cluster has no runs, and is done with the message; a run that is named is taken back", () =>
    withQueue(async (queue, rig) => {
      const { runId } = (await rig.run()).run;
      assert.ok(await send(queue, rollback({ cluster: "west" })));

      const [refusal] = queue.refusals;
      assert.equal(refusal?.code, "NOTHING_TO_UNDO");
      assert.match(refusal.message, /west/);
      assert.match(
        refusal.next,
        /`calico-migrator get --aws`, and name the run itself: `calico-migrator rollback RUN --aws`/,
      );
      assert.equal(queue.observers.counted.CommandsRefused, 1);
      assert.ok(await send(queue, rollback({ runId })));
      assert.equal((await rig.engine.describe(runId)).control.undo, "rollback");
    }));

  test("takes what came to another queue (MESSAGE_MISROUTED) once the bus' rules send it here", () =>
    withQueue(async (queue, rig) => {
      const { runId } = (await rig.run()).run;
      const next =
        "Put the rules of the event bus back as the stack has them, with `cdk deploy --revert-drift`.";
      await assert.rejects(carryOutRunCommand(rollback({ runId }), rig.engine), {
        code: "MESSAGE_MISROUTED",
        next,
      });
      assert.ok(await send(queue, rollback({ runId })));
      assert.equal((await rig.engine.describe(runId)).control.undo, "rollback");
    }));

  test("refuses to abort past the point of no return", () =>
    withQueue(async (queue, rig) => {
      const { run } = await rig.run(["final"]);
      assert.ok(await send(queue, { type: "AbortRequested", data: { runId: run.runId, by: "ann" } }));

      assert.equal(queue.refusals[0]?.code, "ABORT_TOO_LATE");
      assert.equal((await rig.engine.describe(run.runId)).control.undo, undefined);
    }));

  test("does nothing when asked again for a run that is undone", () =>
    withQueue(async (queue, rig) => {
      const { run } = await rig.run();
      await rig.engine.undo(run.runId, "rollback");
      await rig.settle(run.runId);

      assert.ok(await send(queue, rollback({ runId: run.runId })));
      assert.deepEqual(queue.refusals, []);
    }));

  test("gives back commands of another queue", () =>
    withQueue(async (queue) => {
      assert.equal(await send(queue, { type: "PauseRun", data: { runId: "run-1", by: "ann" } }), false);
    }));
});
