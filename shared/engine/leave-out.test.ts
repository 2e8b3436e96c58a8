import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { shownThings } from "./approvals.ts";
import type { LeaveOutRule } from "./leave-out.ts";
import type { Migration } from "./migration.ts";
import { type Rig, withRig } from "./testing/rig.ts";
import { action, migrationOf } from "./testing/stages.ts";

const RULE: LeaveOutRule<null> = {
  before: "carry",
  example: "Thing/a",
  isName: (object) => object.startsWith("Thing/"),
  missing: (_cluster, objects) => Promise.resolve(objects.filter((object) => object === "Thing/none")),
};

/** A migration that tells what is left out when it carries, and asks before for all of it; `meanwhile` happens while it looks. */
function carrying(
  carried: string[],
  meanwhile: () => Promise<void> = () => Promise.resolve(),
): Migration<null> {
  const prepare = action<null>("prepare");
  const carry = action<null>(
    "carry",
    (context) => {
      carried.push(context.leftOut.join());
      return Promise.resolve({ done: true });
    },
    {
      approvals: [
        {
          subject: "loss",
          needed: async ({ leftOut }) => {
            await meanwhile();
            return leftOut.length === 0 ? undefined : shownThings(`lost: ${leftOut.join()}`, leftOut);
          },
        },
      ],
    },
  );
  return { ...migrationOf([prepare, carry, action("end")]), leaveOut: RULE };
}

async function leaveOut({ engine }: Rig<null>, runId: string, ...objects: string[]): Promise<void> {
  await engine.resume(runId, { objects, by: "ann" });
}

describe("leaving an object out of a run that has begun", () => {
  test("is asked to be approved, and gone by", async () => {
    const carried: string[] = [];
    await withRig(null, [carrying(carried)], async (rig) => {
      const { run } = await rig.run([], "carry");
      const at = rig.clock.now();
      await leaveOut(rig, run.runId, "Thing/a", "Thing/b");
      await leaveOut(rig, run.runId, "Thing/b", "Thing/c");
      const { control } = await rig.settle(run.runId);
      const by = "ann";
      assert.deepEqual(
        control.leftOut,
        ["Thing/a", "Thing/b", "Thing/c"].map((object) => ({ object, by, at })),
      );
      await rig.engine.approve(run.runId, "ann", "carry");
      const asked = (await rig.settle(run.runId)).run.waiting;
      assert.equal(asked?.message, "lost: Thing/a,Thing/b,Thing/c");
      await rig.engine.approve(run.runId, "ann", "loss", asked.fingerprint);
      assert.equal((await rig.settle(run.runId)).run.state, "Succeeded");
      assert.deepEqual(carried, ["Thing/a,Thing/b,Thing/c"]);
    });
  });

  test("is asked about also when it comes while the run looks for what is to be approved", async () => {
    const carried: string[] = [];
    const later: (() => Promise<void>)[] = [];
    await withRig(null, [carrying(carried, () => later.pop()?.() ?? Promise.resolve())], async (rig) => {
      const { run } = await rig.run([], "carry");
      later.push(() => leaveOut(rig, run.runId, "Thing/a"));
      await rig.engine.approve(run.runId, "ann", "carry");
      const asked = (await rig.settle(run.runId)).run.waiting;
      assert.equal(asked?.message, "lost: Thing/a");
      // It waits: more may be left out.
      await leaveOut(rig, run.runId, "Thing/b");
      const again = (await rig.settle(run.runId)).run.waiting;
      assert.equal(again?.message, "lost: Thing/a,Thing/b");
      await rig.engine.approve(run.runId, "ann", "loss", again.fingerprint);
      assert.equal((await rig.settle(run.runId)).run.state, "Succeeded");
      assert.deepEqual(carried, ["Thing/a,Thing/b"]);
    });
  });

  test("is refused once that is closed, whenever that happens, and once the run is to go back", async () => {
    await withRig(null, [carrying([])], async (rig) => {
      const { run } = await rig.run(["end"], "end");
      await assert.rejects(leaveOut(rig, run.runId, "Thing/a"), {
        code: "SKIP_TOO_LATE",
        message: /come to `carry`/,
      });
      const other = (await rig.run([], "prepare")).run;
      const open = rig.ports.connections.open.bind(rig.ports.connections);
      // While it is looked for on the cluster.
      rig.ports.connections.open = async (cluster, options) => {
        const { store } = rig.ports;
        await store.updateControl(other.runId, (control) => ({ ...control, leftOutClosed: true }));
        return open(cluster, options);
      };
      const late = rig.engineWith({});
      await assert.rejects(late.resume(other.runId, { objects: ["Thing/a"], by: "ann" }), {
        code: "SKIP_TOO_LATE",
      });
      await rig.engine.undo(other.runId, "rollback");
      await assert.rejects(leaveOut(rig, other.runId, "Thing/a"), { code: "SKIP_TOO_LATE" });
      assert.equal((await rig.engine.describe(other.runId)).control.leftOut, undefined);
    });
  });

  test("is refused where it is misspelt or not there (SKIP_UNKNOWN): what is right is left out", async () => {
    await withRig(null, [carrying([])], async (rig) => {
      const { run } = await rig.run([], "prepare");
      await assert.rejects(leaveOut(rig, run.runId, "Thing/a", "thing/b"), {
        code: "SKIP_UNKNOWN",
        message: '--skip: "thing/b": no name of an object, such as Thing/a',
      });
      await assert.rejects(leaveOut(rig, run.runId, "Thing/none", "Thing/a"), {
        code: "SKIP_UNKNOWN",
        message: '--skip: "Thing/none": not there',
      });
      await leaveOut(rig, run.runId, "Thing/a");
      const { control } = await rig.engine.describe(run.runId);
      assert.deepEqual([control.leftOut?.map(({ object }) => object), control.retries], [["Thing/a"], 1]);
    });
  });

  test("is refused for a migration that cannot (SKIP_IMPOSSIBLE): a resume without it goes on", async () => {
    const other = { ...carrying([]), name: "other" };
    await withRig(null, [migrationOf([action<null>("a")]), other], async (rig) => {
      const { run } = await rig.run([], "a");
      await rig.engine.pause(run.runId);
      await assert.rejects(leaveOut(rig, run.runId, "Thing/a"), {
        code: "SKIP_IMPOSSIBLE",
        message: /only those of other do$/,
        next: /then `resume` without --skip/,
      });
      await rig.engine.resume(run.runId);
      await rig.engine.approve(run.runId, "ann", "a");
      assert.equal((await rig.settle(run.runId)).run.state, "Succeeded");
    });
  });
});
