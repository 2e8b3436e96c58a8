import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { changed } from "../testing/dumps.ts";
import { stoppedByFullStore } from "../testing/full-store.ts";
import type { Worker } from "../testing/run-world.ts";
import { mismatches } from "./testing/oracle.ts";
import { assertState, goOn, rollBack, runBefore, startWhole, wholeWorld } from "./testing/whole.ts";
import type { World } from "./testing/world.ts";

/** Loses the first answer, or the first request, of each write. */
function loseEachOnce({ meanwhile }: World, when: "before" | "after"): void {
  const seen = new Set<string>();
  meanwhile[when].push((write) => {
    if (seen.has(write)) return Promise.resolve();
    seen.add(write);
    const lost = { next: "", retryable: true, outcomeUnknown: true };
    return Promise.reject(new KubernetesApiError("KUBERNETES_CONNECTION_LOST", `${write}: lost`, lost));
  });
}

describe("a migration that loses each of its writes once", () => {
  for (const when of ["before", "after"] as const) {
    test(`${when} it is made ends well`, async () => {
      using world = await wholeWorld();
      loseEachOnce(world, when);
      const worker = world.worker();
      const runId = await runBefore(world, worker, "cleanup");
      assert.deepEqual(await mismatches(world.cluster), []);
      assertState(await goOn(world, worker, runId, "cleanup"), "Succeeded");
    });

    test(`${when} it is made can be undone`, async () => {
      using world = await wholeWorld();
      const before = world.cluster.dump();
      loseEachOnce(world, when);
      const worker = world.worker();
      await rollBack(world, worker, await runBefore(world, worker, "cleanup"));
      assert.deepEqual(changed(before, world.cluster.dump()), []);
    });
  }
});

function startToCleanup(worker: Worker): Promise<string> {
  return startWhole(worker, { stopBefore: "cleanup", approvals: ["unlock"] });
}

describe("a store that is full", () => {
  test("stops the run with a clear error, wherever it is, and nothing that was recorded is lost", async () => {
    let stopped = 0;
    for (let maxPages = 12; ; maxPages += 4) {
      using world = await wholeWorld();
      const before = world.cluster.dump();
      const code = await stoppedByFullStore(world, maxPages, startToCleanup);
      if (code === undefined) break;
      assert.equal(code, "STORE_UNAVAILABLE");
      world.clock.advance(60_000);
      const worker = world.worker();
      const [run] = (await worker.embedded.store.listRuns({ limit: 1 })).items;
      if (run === undefined) continue;
      stopped++;
      await worker.engine.resume(run.runId);
      const { run: resumed } = await world.drive(worker, run.runId);
      assert.equal(resumed.waiting?.subject, "cleanup", JSON.stringify([resumed.stage, resumed.failure]));
      assert.deepEqual(await mismatches(world.cluster), []);
      await rollBack(world, worker, run.runId);
      assert.deepEqual(changed(before, world.cluster.dump()), []);
    }
    assert.ok(stopped > 2, `${stopped} runs were stopped`);
  });
});
