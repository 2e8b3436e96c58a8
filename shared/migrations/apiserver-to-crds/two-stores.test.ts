import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { crdResource } from "../../kubernetes/crds.ts";
import { nativeCrd, nativeCrds } from "./testing/cluster.ts";
import { assertState, goOn, rollBack, runBefore, startWhole, wholeWorld } from "./testing/whole.ts";
import type { World } from "./testing/world.ts";

const OTHER = { fieldManager: "calico-migrator:other" };
const TIERS = { ...crdResource, name: "tiers.projectcalico.org" };

/** What a run of another store does with a definition of this one. */
async function marked({ cluster }: World): Promise<void> {
  await cluster.patch(TIERS, { spec: { preserveUnknownFields: false } }, { type: "merge", ...OTHER });
}

describe("a run of another store", () => {
  test("that has created native CRDs is named by preflight, which stops; once it is undone there, resume", async () => {
    using world = await wholeWorld();
    for (const crd of nativeCrds()) await world.cluster.create(crdResource, crd, OTHER);
    const worker = world.worker();
    const runId = await startWhole(worker);
    const { run } = await world.drive(worker, runId);
    assert.equal(run.failure?.code, "PREFLIGHT_FAILED", JSON.stringify([run.stage, run.waiting]));
    assert.match(run.failure.message, /other-runs: run other is under way: its mark is on \d+ native CRDs/);
    assert.match(run.failure.next, /^Finish run other where it was started, or undo it there/);

    for (const { name } of await definitions(world)) await world.cluster.delete({ ...crdResource, name });
    await worker.engine.resume(runId);
    assertState(await world.drive(worker, runId), "Succeeded");
  });

  test("that came in between is seen before the second version is opened (CLUSTER_USED_BY_OTHER)", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "open-second-version");
    await marked(world);
    const { run } = await goOn(world, worker, runId, "open-second-version");
    assert.equal(run.failure?.code, "CLUSTER_USED_BY_OTHER", JSON.stringify([run.stage, run.waiting]));
    assert.match(run.failure.message, /^run "other" of another store .* on 1 native CRDs$/);
    assert.match(run.failure.next, /or undo it there, then `resume`/);

    await world.cluster.delete(TIERS);
    await world.cluster.create(crdResource, nativeCrd("Tier"));
    await worker.engine.resume(runId);
    assertState(await world.drive(worker, runId), "Succeeded");
  });

  test("keeps the definitions that it uses, with their second version, when this one is undone", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "lock");
    await marked(world);
    await rollBack(world, worker, runId);
    assert.deepEqual(
      (await definitions(world)).map(({ name }) => name),
      [TIERS.name],
    );
    assert.match(JSON.stringify(await world.cluster.get(TIERS)), /v3precopy/);
    const { stages } = await world.describe(worker, runId);
    const { left } = stages.find(({ stage }) => stage === "verify-undone")?.notes ?? {};
    assert.match(
      JSON.stringify(left),
      /tiers\.projectcalico\.org: kept, as run other of another store uses it/,
    );
  });
});

async function definitions({ cluster }: World): Promise<{ name: string }[]> {
  const { items } = await cluster.list(crdResource);
  return items
    .map(({ metadata }) => metadata as { name: string })
    .filter(({ name }) => /^[a-z]+\.projectcalico/.test(name));
}
