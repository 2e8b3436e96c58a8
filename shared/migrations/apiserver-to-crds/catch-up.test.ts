import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunRecord } from "../../engine/records.ts";
import { mismatches } from "./testing/oracle.ts";
import { startWhole, wholeWorld, wholeWorldWithoutSecondVersion } from "./testing/whole.ts";
import { type UserWrite, writeAsUser } from "./testing/writers.ts";

const LATE: UserWrite = { name: "owned", act: "put", via: "crd.projectcalico.org/v1", order: 42 };

function isQuieting({ stage, waiting }: RunRecord): boolean {
  return stage === "catch-up" && waiting?.reason === "Gate";
}

for (const [how, create] of [
  ["with the second version", wholeWorld],
  ["without it", wholeWorldWithoutSecondVersion],
] as const) {
  describe(`inside the lock, ${how}`, () => {
    test("what is in flight is waited for, and counts from then on", async () => {
      using world = await create();
      const worker = world.worker();
      const quietMs = 20_000;
      const runId = await startWhole(worker, {
        options: { quietMs },
        stopBefore: "switch-operator",
        approvals: ["unlock"],
      });
      const isDone = (run: RunRecord): boolean => run.waiting?.subject === "switch-operator";
      await world.drive(worker, runId, isQuieting);
      for (let waited = 0; waited < 5; waited++) {
        world.clock.advance(2_000);
        await worker.engine.wakeDue();
      }
      await writeAsUser(world.cluster, LATE);
      const writtenAt = world.clock.now();

      const { stages, run } = await world.drive(worker, runId, isDone);

      assert(isDone(run), JSON.stringify([run.stage, run.failure]));
      const { startedAt = 0, finishedAt = 0 } = stages.find(({ stage }) => stage === "catch-up") ?? {};
      assert(finishedAt - writtenAt >= quietMs, `${finishedAt - writtenAt} ms after the last write`);
      assert(finishedAt - startedAt < 3 * quietMs);
      assert.deepEqual(await mismatches(world.cluster), []);
    });
  });
}
