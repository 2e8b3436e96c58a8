import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { changed } from "../testing/dumps.ts";
import { mismatches } from "./testing/oracle.ts";
import { assertState, goOn, rollBack, runBefore, wholeWorld } from "./testing/whole.ts";
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
