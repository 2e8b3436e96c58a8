import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { conflictsOf } from "../shared/engine/conflicts.ts";
import type { JsonObject } from "../shared/json.ts";
import { objectAt, objectsAt, textAt } from "../shared/kubernetes/fields.ts";
import { mustRequest } from "./harness/api.ts";
import { applySet, assertAppliable, GROUPS, managersOf, traces, whileNative } from "./rig/native/applies.ts";
import type { NativeBed } from "./rig/native/bed.ts";
import { MigratingBed } from "./rig/native/migrating.ts";

const { old, native } = GROUPS;
const NETS = ["198.51.100.0/24", "203.0.113.0/24"];
const MORE = [...NETS, "192.0.2.0/24"];
const LABELS = { role: "partner", temporary: "yes" };

describe("a migration to native CRDs of what others apply", () => {
  let migrating: MigratingBed;
  let bed: NativeBed;
  /** Native objects that were there before, by name. */
  const found = new Map<string, JsonObject>();

  before(async () => {
    migrating = await MigratingBed.start({ resources: 120, nodes: 1, applied: true });
    ({ bed } = migrating);
    await applySet(bed.api, old, "partners", { nets: NETS, labels: LABELS });
    await applySet(bed.api, old, "same", { nets: NETS });
    await applySet(bed.api, old, "differs", { nets: NETS });
    await mustRequest(bed.api, "POST", `${old}/globalnetworksets`, shownByAggregated("shown"));
    await whileNative(bed, async () => {
      await applySet(bed.api, native, "same", { nets: NETS }, { manager: "argocd-controller" });
      await applySet(bed.api, native, "differs", { nets: MORE }, { manager: "argocd-controller" });
      for (const name of ["same", "differs"]) found.set(name, await read(name));
    });
  });
  after(() => migrating.stop());

  const read = (name: string) => mustRequest(bed.api, "GET", `${native}/globalnetworksets/${name}`);
  const netsOf = async (name: string) => objectAt(await read(name), "spec")["nets"];

  /** Native objects that differ are replaced by a person's decision; then the run goes on. */
  async function decides(runId: string, end: string): Promise<void> {
    const { run } = await migrating.rig.engine.describe(runId);
    assert.equal(run.waiting?.reason ?? "Conflict", "Conflict");
    const waiting = await migrating.rig.drive(runId);
    assert.equal(waiting.waiting?.reason, "Conflict", JSON.stringify([waiting.failure, waiting.waiting]));
    const conflicts = await Array.fromAsync(conflictsOf(migrating.rig.embedded.store, runId));
    for (const { command = "", target } of conflicts) {
      const args = command.replace("kubectl edit", "get --output yaml").split(" ");
      assert.match(await bed.kubernetes.kubectl(args), new RegExp(`name: ${target.split("/").at(-1) ?? ""}`));
    }
    const requests = conflicts.map(({ key, seen }) => ({ key, seen, use: "source" as const }));
    await migrating.rig.engine.resolve(runId, "test", requests);
    await migrating.reaches(runId, end);
  }

  for (const stopBefore of ["follow", "switch", "release-fields", "cleanup"]) {
    test(`that is undone right before ${stopBefore} leaves its own to whoever applied it before`, async () => {
      const runId = await migrating.startRun({ approvals: ["unlock"], stopBefore });
      await decides(runId, stopBefore);
      const isLate = stopBefore === "cleanup" || stopBefore === "release-fields";
      await migrating.undo(runId, isLate ? "rollback" : "abort");
      await whileNative(bed, async () => {
        assert.deepEqual(await traces(bed.api), []);
        for (const [name, before] of found) {
          const now = await read(name);
          assert.deepEqual(managersOf(now), managersOf(before), name);
          assert.deepEqual(now["spec"], before["spec"], name);
        }
        const argo = { manager: "argocd-controller" };
        await applySet(bed.api, native, "differs", { nets: NETS }, argo);
        assert.deepEqual(await netsOf("differs"), NETS);
        await applySet(bed.api, native, "differs", { nets: MORE }, argo);
        found.set("differs", await read("differs"));
      });
      const lock = await mustRequest(bed.api, "GET", `${old}/clusterinformations/default`);
      assert.doesNotMatch(JSON.stringify(lock), /calico-migrator/);
    });
  }

  test("lets everybody add, change and remove what they apply afterwards, and owns nothing", async () => {
    const runId = await migrating.startRun({ stopBefore: "follow" });
    await decides(runId, "follow");
    await applySet(bed.api, old, "partners", { nets: MORE, labels: { ...LABELS, stage: "during" } });
    await applySet(bed.api, old, "during", { nets: MORE });
    await migrating.rig.engine.approve(runId, "test", "follow");
    await migrating.reaches(runId, "Succeeded");

    assert.deepEqual(await traces(bed.api), []);
    await assertAppliable(bed.api);
    await applySet(bed.api, native, "partners", { nets: ["203.0.113.0/24"], labels: { role: "partner" } });
    assert.deepEqual(await netsOf("partners"), ["203.0.113.0/24"]);
    assert.deepEqual(objectAt(await read("partners"), "metadata")["labels"], { role: "partner" });
    await applySet(bed.api, native, "during", { nets: NETS });
    assert.deepEqual(await netsOf("during"), NETS);
    await applySet(bed.api, native, "shown", { nets: NETS }, { manager: "kubectl" });
    assert.deepEqual(await netsOf("shown"), NETS);
    await applySet(bed.api, native, "same", { nets: ["192.0.2.0/24"] }, { manager: "argocd-controller" });
    assert.deepEqual(await netsOf("same"), ["192.0.2.0/24"]);
    // What nobody has applied before belongs to whoever does so first.
    const sets = objectsAt(await mustRequest(bed.api, "GET", `${native}/globalnetworksets`), "items");
    const name = textAt(
      sets.find((set) => /^set-/.test(textAt(set, "metadata", "name"))) ?? {},
      "metadata",
      "name",
    );
    const nets = (await netsOf(name)) as string[];
    assert.ok(nets.length > 1);
    await applySet(bed.api, native, name, { nets });
    await applySet(bed.api, native, name, { nets: nets.slice(1) });
    assert.deepEqual(await netsOf(name), nets.slice(1));
  });
});

/** As the aggregated API stores what was applied through it: who manages it is in the metadata annotation. */
function shownByAggregated(name: string): JsonObject {
  const fields = Object.fromEntries(MORE.map((net) => [`v:${JSON.stringify(net)}`, {}]));
  const entry = {
    manager: "kubectl",
    operation: "Apply",
    apiVersion: "projectcalico.org/v3",
    time: "2025-06-11T16:49:59Z",
    fieldsType: "FieldsV1",
    fieldsV1: { "f:spec": { "f:nets": fields } },
  };
  const metadata = { creationTimestamp: "2025-06-11T16:49:59Z", managedFields: [entry] };
  return {
    apiVersion: "crd.projectcalico.org/v1",
    kind: "GlobalNetworkSet",
    metadata: { name, annotations: { "projectcalico.org/metadata": JSON.stringify(metadata) } },
    spec: { nets: MORE },
  };
}
