import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { NATIVE_SAMPLES } from "../../calico/native/testing/samples.ts";
import { canonical, mismatches } from "./testing/oracle.ts";
import { OTHERS } from "./testing/source.ts";
import { assertState, goOn, runBefore, wholeWorld, wholeWorldWithoutSecondVersion } from "./testing/whole.ts";

const API_SERVICE = "apiregistration.k8s.io/v1/apiservices/v3.projectcalico.org";
const OLD_LOCK = "crd.projectcalico.org/v1/clusterinformations/default";

describe("a migration", () => {
  test("moves every object, with its status and its owners, and leaves the old group as it was but for its lock", async () => {
    using world = await wholeWorld();
    const before = world.cluster.dump();
    await runBefore(world, world.worker(), "cleanup");
    assert.deepEqual(await mismatches(world.cluster), []);
    const dump = world.cluster.dump();
    const old = Object.keys(dump).filter((path) => path.startsWith("crd.projectcalico.org/"));
    assert.equal(old.length, NATIVE_SAMPLES.length + 2);
    assert.deepEqual(
      old.filter((path) => dump[path] !== before[path]),
      [OLD_LOCK],
    );
  });

  test("leaves what belongs to Calico objects with owners that are there, and GitOps as it was found", async () => {
    using world = await wholeWorld();
    const before = await canonical(world.cluster);
    const worker = world.worker();
    const runId = await runBefore(world, worker, "cleanup");
    assertState(await goOn(world, worker, runId, "cleanup"), "Succeeded");
    assert.deepEqual(world.cluster.storage.managedByRuns(), []);
    const after = await canonical(world.cluster);
    assert.equal(after[OTHERS.mixed], before[OTHERS.mixed]);
    assert.equal(after[OTHERS.shown], before[OTHERS.shown]);
    assert.equal(after[OTHERS.older], before[OTHERS.shown]?.replaceAll("shown", "older"));
    assert.equal(after[OTHERS.application], before[OTHERS.application]);
    assert.deepEqual(
      Object.keys(after).filter((path) => path.includes("crd.projectcalico.org")),
      [],
    );
    assert.doesNotMatch(JSON.stringify(after), /v3precopy|calico-migrator|migrated-by/);
    assert.doesNotMatch(after[API_SERVICE] ?? "", /calico-api"/);
  });

  test("leaves others to the garbage collector only where it is asked to", async () => {
    using world = await wholeWorld();
    await runBefore(world, world.worker(), "cleanup", { skipForeignOwnerReferences: true });
    const dump = world.cluster.dump();
    assert.deepEqual([dump[OTHERS.shown], dump[OTHERS.mixed] === undefined], [undefined, false]);
  });

  test("moves every object inside the lock where the second version cannot be opened", async () => {
    using world = await wholeWorldWithoutSecondVersion();
    await runBefore(world, world.worker(), "cleanup");
    assert.deepEqual(await mismatches(world.cluster), []);
  });
});
