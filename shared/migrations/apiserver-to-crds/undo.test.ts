import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { crdResource } from "../../kubernetes/crds.ts";
import { changed } from "../testing/dumps.ts";
import type { JsonObject } from "../../json.ts";
import { objectsAt, textAt } from "../../kubernetes/fields.ts";
import { openedAfterLastLook } from "../../kubernetes/last-look.ts";
import { Life } from "../testing/life.ts";
import { apiserverToCrds } from "./index.ts";
import { nativeCrds } from "./testing/cluster.ts";
import {
  assertState,
  rollBack,
  runBefore,
  startWhole,
  trespasses,
  wholeWorld,
  wholeWorldWithoutSecondVersion,
} from "./testing/whole.ts";

const ALL = process.env["CALICO_MIGRATOR_CRASH"] === "all";
const NAMES = apiserverToCrds.stages.map(({ name }) => name);
const UNDOABLE = NAMES.slice(1, NAMES.indexOf("cleanup") + 1);

/** Until then the second version makes no difference. */
const LOCKED = NAMES.slice(NAMES.indexOf("lock"), NAMES.indexOf("cleanup") + 1);

for (const { name, create, stages } of [
  { name: "a run", create: wholeWorld, stages: UNDOABLE },
  { name: "a run without the second version", create: wholeWorldWithoutSecondVersion, stages: LOCKED },
]) {
  describe(`${name}, undone`, () => {
    for (const stage of stages) {
      test(`right before ${stage} leaves the cluster as it was found`, async () => {
        using world = await create();
        const before = world.cluster.dump();
        const written = trespasses(world);
        const worker = world.worker();

        await rollBack(world, worker, await runBefore(world, worker, stage));

        assert.deepEqual(changed(before, world.cluster.dump()), []);
        assert.deepEqual(world.cluster.storage.managedByRuns(), []);
        assert.deepEqual(written, []);
      });
    }
  });
}

/** What a write does to what, whatever the object: boundaries of one sort are alike. */
function sortOf(write: string): string {
  const [verb = "", path = ""] = write.split(" ");
  const [first = "", second = "", third = ""] = path.split("/");
  const isCalico = first.includes("projectcalico.org") && third !== "clusterinformations";
  return isCalico ? `${verb} ${first}/${second}` : `${verb} ${first}/${second}/${third}`;
}

/** The places, among the run's writes to the cluster, of the first and the last one of each sort; of all with ALL. */
async function boundaries(): Promise<number[]> {
  using world = await wholeWorld();
  const writes: string[] = [];
  world.meanwhile.after.push((write) => Promise.resolve(void writes.push(sortOf(write))));
  await runBefore(world, world.worker(), "cleanup");
  const edges = writes.map(
    (sort, place) => writes.indexOf(sort) === place || writes.lastIndexOf(sort) === place,
  );
  return writes.flatMap((_, place) => (ALL || edges[place] === true ? [place + 1] : []));
}

describe("a run that was killed right after a write to the cluster", () => {
  test("is undone to what was found", async () => {
    for (const boundary of await boundaries()) {
      using world = await wholeWorld();
      const before = world.cluster.dump();
      const written = trespasses(world);
      const first = world.worker(new Life());
      let [made, last] = [0, ""];
      world.meanwhile.after.push((write) => {
        if (++made !== boundary) return Promise.resolve();
        last = write;
        first.life.kill();
        return Promise.resolve();
      });
      const runId = await startWhole(first, { stopBefore: "cleanup", approvals: ["unlock"] });
      await world.drive(first, runId);
      first.close();
      world.clock.advance(60_000);

      await rollBack(world, world.worker(), runId);

      assert.deepEqual([...changed(before, world.cluster.dump()), ...written], [], `killed after ${last}`);
    }
  });
});

describe("a run that is undone after Calico has worked on the native group", () => {
  const POLICIES = { apiVersion: "projectcalico.org/v3", plural: "networkpolicies", namespace: "shop" };
  const LOCK = "projectcalico.org/v3/clusterinformations/default";

  test("asks again when more has changed since it asked, and forgets no more than was approved", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "cleanup");
    const creationTimestamp = new Date(world.clock.now()).toISOString();
    const make = (name: string) =>
      world.cluster.create(POLICIES, {
        kind: "NetworkPolicy",
        metadata: { name, namespace: "shop", creationTimestamp },
      });
    await make("first");
    await worker.engine.undo(runId, "rollback");
    const first = (await world.drive(worker, runId)).run.waiting;
    assert.deepEqual([first?.subject, first?.count], ["late-changes", 1]);
    for (let n = 0; n < 50; n++) await make(`more-${n}`);
    await worker.engine.approve(runId, "test", "late-changes", first?.fingerprint);

    const again = (await world.drive(worker, runId)).run.waiting;

    assert.deepEqual([again?.subject, again?.count], ["late-changes", 51]);
    assert.match(again?.message ?? "", /, and 46 more$/);
    assert.match(world.cluster.dump()[LOCK] ?? "", /"datastoreReady":true/);
    await worker.engine.approve(runId, "test", "late-changes", again?.fingerprint);
    assertState(await world.drive(worker, runId), "RolledBack");
  });

  test("an approval holds while addresses come and go in the blocks that it names, and for no other block", async () => {
    using world = await wholeWorld();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "cleanup");
    const creationTimestamp = new Date(world.clock.now()).toISOString();
    const make = (kind: string, plural: string, name: string) =>
      world.cluster.create(
        { apiVersion: "projectcalico.org/v3", plural },
        { kind, metadata: { name, creationTimestamp } },
      );
    await make("IPAMBlock", "ipamblocks", "late-1");
    await make("IPAMHandle", "ipamhandles", "pod-1");
    await worker.engine.undo(runId, "rollback");
    const first = (await world.drive(worker, runId)).run.waiting;
    await make("IPAMHandle", "ipamhandles", "pod-2");
    await make("IPAMBlock", "ipamblocks", "late-2");
    await worker.engine.approve(runId, "test");
    const again = (await world.drive(worker, runId)).run.waiting;
    assert.deepEqual([first?.count, again?.count, again?.subject], [2, 4, "late-changes"]);
    await make("IPAMHandle", "ipamhandles", "pod-3");
    await worker.engine.approve(runId, "test");
    assertState(await world.drive(worker, runId), "RolledBack");
  });

  test("asks before it forgets that, with the native group in service meanwhile", async () => {
    using world = await wholeWorld();
    const before = world.cluster.dump();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "cleanup");
    await world.cluster.delete({ ...POLICIES, name: "secure.web" });
    const creationTimestamp = new Date(world.clock.now()).toISOString();
    await world.cluster.create(POLICIES, {
      kind: "NetworkPolicy",
      metadata: { name: "new", namespace: "shop", creationTimestamp },
    });

    await worker.engine.undo(runId, "rollback");
    const { run } = await world.drive(worker, runId);
    assert.deepEqual([run.waiting?.reason, run.waiting?.subject], ["Approval", "late-changes"]);
    assert.match(
      run.waiting?.message ?? "",
      /2 changes .*networkpolicies\/shop\/new, \S*networkpolicies\/shop\/secure\.web \(deleted\)$/,
    );
    assert.match(world.cluster.dump()[LOCK] ?? "", /"datastoreReady":true/);

    await worker.engine.approve(runId, "test");
    assertState(await world.drive(worker, runId), "RolledBack");
    const left = changed(before, world.cluster.dump());
    // What others have made is theirs, and keeps its definition.
    assert.deepEqual(left, [
      "apiextensions.k8s.io/v1/customresourcedefinitions/networkpolicies.projectcalico.org",
      "projectcalico.org/v3/networkpolicies/shop/new",
    ]);
  });
});

describe("built-in tiers that nobody may delete", () => {
  const tier = { apiVersion: "crd.projectcalico.org/v1", kind: "Tier", metadata: { name: "default" } };
  const ref = { apiVersion: "crd.projectcalico.org/v1", plural: "tiers" };

  test("are all that an undo leaves, where the definitions were there before", async () => {
    using world = await wholeWorld();
    for (const crd of nativeCrds()) await world.cluster.create(crdResource, crd);
    await world.cluster.create(ref, { ...tier, spec: { order: 1_000_000, defaultAction: "Deny" } });
    world.cluster.protectsTiers = true;
    const before = world.cluster.dump();
    const worker = world.worker();

    await rollBack(world, worker, await runBefore(world, worker, "cleanup"));

    assert.deepEqual(changed(before, world.cluster.dump()), ["projectcalico.org/v3/tiers/default"]);
    const again = await startWhole(worker);
    assertState(await world.drive(worker, again), "Succeeded");
  });

  test("are not said to be left where their definition goes as well", async () => {
    using world = await wholeWorld();
    await world.cluster.create(ref, { ...tier, spec: { order: 1_000_000, defaultAction: "Deny" } });
    world.cluster.protectsTiers = true;
    const before = world.cluster.dump();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "verify-copy");

    await rollBack(world, worker, runId);

    assert.deepEqual(changed(before, world.cluster.dump()), []);
    const query = { states: ["pending", "failed"], limit: 10 } as const;
    assert.deepEqual(await worker.embedded.store.listCheckpoints(runId, "leftovers", query), []);
  });
});

describe("a definition that the run has created, on the way back", () => {
  const NAME = "networksets.projectcalico.org";
  const SETS = { plural: "networksets", namespace: "shop" };

  test("is closed to everybody before it goes: what somebody creates right before that is refused", async () => {
    using world = await wholeWorld();
    const before = world.cluster.dump();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "lock");
    const refused: string[] = [];
    world.meanwhile.before.push(async (write) => {
      if (write !== `delete apiextensions.k8s.io/v1/customresourcedefinitions/${NAME}`) return;
      const theirs = { kind: "NetworkSet", metadata: { name: "theirs", namespace: "shop" } };
      await world.cluster
        .create({ ...SETS, apiVersion: "projectcalico.org/v3precopy" }, theirs)
        .catch((error: unknown) => refused.push((error as { code: string }).code));
    });

    await rollBack(world, worker, runId);

    assert.deepEqual(refused, ["KUBERNETES_NOT_FOUND"]);
    assert.deepEqual(changed(before, world.cluster.dump()), []);
  });

  for (const [why, change] of [
    ["a webhook converts its versions", () => ({ conversion: { strategy: "Webhook" } })],
    [
      "not all of its versions are served",
      (versions: JsonObject[]) => ({
        versions: [...versions, { name: "v4", served: false, storage: false }],
      }),
    ],
  ] as const)
    test(`is kept, and told, where it cannot be closed: ${why}`, async () => {
      using world = await wholeWorld();
      const before = world.cluster.dump();
      const worker = world.worker();
      const runId = await runBefore(world, worker, "lock");
      world.meanwhile.before.push(async (write) => {
        // They are the first that goes once native objects cannot be reached any more.
        if (!write.startsWith("delete admissionregistration.k8s.io/")) return;
        const found = await world.cluster.storage.get({ ...crdResource, name: NAME });
        const spec = change(objectsAt(found, "spec", "versions"));
        await world.cluster.storage.patch({ ...crdResource, name: NAME }, { spec }, { type: "merge" });
      });

      await rollBack(world, worker, runId);

      const left = changed(before, world.cluster.dump());
      assert.deepEqual(left, [`apiextensions.k8s.io/v1/customresourcedefinitions/${NAME}`]);
      const rows = await worker.embedded.store.listCheckpoints(runId, "leftovers", { limit: 10 });
      assert.match(
        textAt(rows[0]?.detail ?? {}, "reason"),
        new RegExp(`^kept, as somebody might .*: ${why}$`),
      );
    });

  test("is kept, and told, where somebody puts it back whenever it is closed", async () => {
    using world = await wholeWorld();
    const before = world.cluster.dump();
    const worker = world.worker();
    const runId = await runBefore(world, worker, "lock");
    const ref = { ...crdResource, name: NAME };
    world.meanwhile.after.push(async (write) => {
      if (!write.endsWith(`customresourcedefinitions/${NAME}`) || write.startsWith("delete")) return;
      const found = openedAfterLastLook(await world.cluster.storage.get(ref));
      if (found !== undefined) await world.cluster.storage.patch(ref, found, { type: "merge" });
    });

    await rollBack(world, worker, runId);

    const left = changed(before, world.cluster.dump());
    assert.deepEqual(left, [`apiextensions.k8s.io/v1/customresourcedefinitions/${NAME}`]);
    const rows = await worker.embedded.store.listCheckpoints(runId, "leftovers", { limit: 10 });
    assert.match(textAt(rows[0]?.detail ?? {}, "reason"), /^kept, as somebody puts it back/);
  });
});
