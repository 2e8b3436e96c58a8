import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { aRun } from "../../shared/engine/contract/fixtures.ts";
import { withRig } from "../../shared/engine/testing/rig.ts";
import { migrationOf } from "../../shared/engine/testing/stages.ts";
import type { Sweep } from "../../shared/engine/migration.ts";
import type { JsonObject } from "../../shared/json.ts";
import { MigratorError } from "../../shared/errors.ts";
import { fakeWorld, runIn } from "../testing/fake-world.ts";
import { readRetries, retriesText } from "./retries.ts";

const BUSY = new MigratorError(
  "KUBERNETES_SERVER_ERROR",
  "create globalnetworkset large: the API server failed (500)",
  {
    next: "",
    retryable: true,
  },
);

/** Of 600 batches only the last one fails. */
const sweep: Sweep<undefined, JsonObject> = {
  kind: "sweep",
  name: "copy",
  title: "copy",
  plan: () =>
    Promise.resolve({
      batches: Array.from({ length: 600 }, (_, n) => ({ scope: { n }, size: 1 })),
      done: true,
    }),
  work: (_context, { scope }) =>
    scope["n"] === 599 ? Promise.reject(BUSY) : Promise.resolve({ more: true, retryAfterMs: 60_000 }),
};

describe("what is tried again", () => {
  test("is found among all open batches, with how often and why", () =>
    withRig(undefined, [migrationOf([sweep])], async (rig) => {
      const runId = await rig.start();
      await rig.handleDue();
      const { run, stages } = await rig.engine.describe(runId);

      const retries = await readRetries(rig.ports.store, run, stages);

      assert.deepEqual([retries?.stage, retries?.batches, retries?.attempts], ["copy", 1, 1]);
      assert.equal(
        retriesText(retries ?? assert.fail()),
        "1 batch is tried again (failed once): create globalnetworkset large: the API server failed (500) (KUBERNETES_SERVER_ERROR)",
      );
    }));

  test("is nothing for a run that is in no sweep", async () => {
    const store = { listOpenBatches: () => Promise.reject(new Error("nobody has to look")) };
    assert.equal(await readRetries(store, aRun({ stage: "copy" }), []), undefined);
  });

  test("is on the progress line and in describe, with its cause", async (t) => {
    const world = fakeWorld(t, { retriedUntil: "later" });
    const started = runIn(world, "start", "fake", "--kubeconfig", world.kubeconfig, "--yes", "-v");
    const told = /copy: .*3 batches are tried again \(failed .*\): the server is busy \(FAKE_BUSY\)/;
    while (!told.test(world.stderr.text)) await new Promise((resolve) => setTimeout(resolve, 20));

    const { stdout } = await runIn(world, "describe");
    assert.match(stdout, /Retries: +3 batches are tried again .*FAKE_BUSY/);
    world.interrupt();
    await started;
  });
});
