import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MigratorError } from "../../errors.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { assertState, resume, rollBack } from "./testing/steps.ts";
import { changed } from "../testing/dumps.ts";
import { stoppedByFullStore } from "../testing/full-store.ts";
import { sidesOf, startRun, World } from "./testing/world.ts";
import type { WriteHooks } from "../testing/write-hooks.ts";

function connectionLost(write: string): KubernetesApiError {
  const code = "KUBERNETES_CONNECTION_LOST";
  return new KubernetesApiError(code, `${write}: lost`, { next: "", retryable: true, outcomeUnknown: true });
}

/** Loses the first answer, or the first request, of each write. */
function loseEachOnce(hooks: WriteHooks, when: "before" | "after", error: (write: string) => Error): void {
  const seen = new Set<string>();
  hooks[when] = (write) => {
    if (seen.has(write)) return;
    seen.add(write);
    throw error(write);
  };
}

describe("a migration that loses each of its writes once", () => {
  for (const when of ["before", "after"] as const) {
    test(`${when} it is made ends well, and can be undone`, async () => {
      using world = await World.create();
      const before = sidesOf(world);
      loseEachOnce(world.kubernetes.hooks, when, connectionLost);
      const etcdLost = (write: string): MigratorError =>
        new MigratorError("ETCD_UNREACHABLE", `${write}: lost`, { next: "", retryable: true });
      loseEachOnce(world.etcd.hooks, when, etcdLost);
      const worker = world.worker();
      const runId = await startRun(worker);

      assertState(await world.drive(worker, runId), "Succeeded");
      await rollBack(world, worker, runId);

      assert.deepEqual(changed(before.etcd, world.etcd.dump()), []);
      assert.deepEqual(changed(before.kubernetes, world.kubernetes.dump()), []);
    });
  }
});

describe("a store that is full", () => {
  test("stops the run with a clear error, wherever it is, and nothing that was recorded is lost", async () => {
    let stopped = 0;
    for (let maxPages = 12; ; maxPages += 3) {
      using world = await World.create();
      const before = sidesOf(world);
      const code = await stoppedByFullStore(world, maxPages, startRun);
      if (code === undefined) break;
      assert.equal(code, "STORE_UNAVAILABLE");
      world.clock.advance(60_000);
      const worker = world.worker();
      const [run] = (await worker.embedded.store.listRuns({ limit: 1 })).items;
      if (run === undefined) continue;
      stopped++;
      assertState(await resume(world, worker, run.runId), "Succeeded");
      await rollBack(world, worker, run.runId);
      assert.deepEqual(changed(before.kubernetes, world.kubernetes.dump()), []);
    }
    assert.ok(stopped > 2, `${stopped} runs were stopped`);
  });
});
