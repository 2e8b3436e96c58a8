import assert from "node:assert/strict";
import { after, before, suite, test, type TestContext } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Etcd3 } from "etcd3";
import { crdNames } from "../shared/calico/kinds.ts";
import type { JsonObject } from "../shared/json.ts";
import { nativeApiService, savedApiService } from "../shared/kubernetes/api-services.ts";
import {
  readApiService,
  removeApiService,
  restoreApiService,
  whyNotServedLocally,
} from "../shared/kubernetes/api-services-calls.ts";
import type { KubernetesClient } from "../shared/kubernetes/client.ts";
import { connectKubernetes } from "../shared/kubernetes/connection.ts";
import { crdResource } from "../shared/kubernetes/crds.ts";
import { isKubernetesError } from "../shared/kubernetes/errors.ts";
import { objectAt, objectsAt, textAt } from "../shared/kubernetes/fields.ts";
import { managersOf } from "../shared/kubernetes/managed-fields.ts";
import { pageAfterPause } from "../shared/kubernetes/pages.ts";
import { compareVersions } from "../shared/kubernetes/resource-versions.ts";
import { SECOND_VERSION } from "../shared/kubernetes/second-version.ts";
import {
  closeSecondVersions,
  openSecondVersions,
  secondVersionStates,
} from "../shared/kubernetes/second-version-calls.ts";
import type { Change, ResourceRef, Send } from "../shared/kubernetes/types.ts";
import type { OwnedRecord } from "../shared/migrations/apiserver-to-crds/owners/references.ts";
import { releaseOwners, restoreOwners } from "../shared/migrations/apiserver-to-crds/owners/release.ts";
import { ownedPage, scannedResources } from "../shared/migrations/apiserver-to-crds/owners/scan.ts";
import { launchApiServer, prepareApiServer } from "./harness/api-server.ts";
import { ensureBinaries } from "./harness/binaries.ts";
import { installCrds } from "./harness/crds.ts";
import { type KubernetesHandle, startKubernetes } from "./harness/kubernetes.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { waitUntil } from "./harness/wait.ts";

const fieldManager = "calico-migrator:test";
const oldSets = { apiVersion: "crd.projectcalico.org/v1", plural: "globalnetworksets" };
const nativeSets = { apiVersion: "projectcalico.org/v3", plural: "globalnetworksets" };
const secondSets = { apiVersion: `projectcalico.org/${SECOND_VERSION}`, plural: "globalnetworksets" };
const configMaps = { apiVersion: "v1", plural: "configmaps", namespace: "default" };
const sets = "globalnetworksets.projectcalico.org";
const userAgent = "calico-migrator/test";

suite("the API of a migration to native CRDs", () => {
  let kubernetes: KubernetesHandle;
  let client: KubernetesClient;
  const send: Send = (request) => request(client);

  before(async () => {
    kubernetes = await startKubernetes({ local: true, controllers: true });
    client = await connectKubernetes({
      kubeconfig: kubernetes.kubeconfig,
      userAgent: "calico-migrator/test",
    });
    await installCrds(kubernetes, "crd.projectcalico.org/v1");
    await installCrds(kubernetes, "projectcalico.org/v3");
  });
  after(async () => {
    await client.close();
    await kubernetes.stop();
  });

  async function versionOf(ref: ResourceRef): Promise<string> {
    return (await client.list(ref, { limit: 1 })).resourceVersion;
  }

  /** A client of a second API server over the same etcd, whose memory lags behind in its own way. */
  async function otherServer(t: TestContext, ...args: string[]): Promise<KubernetesClient> {
    assert(kubernetes.etcd);
    const { "kube-apiserver": binary } = await ensureBinaries(["kube-apiserver"]);
    const folder = temporaryFolder("other-api-server");
    const setup = await prepareApiServer(binary, folder, kubernetes.etcd, args);
    const server = await launchApiServer(setup);
    const other = await connectKubernetes({ kubeconfig: setup.kubeconfig, userAgent });
    t.after(async () => {
      await other.close();
      await setup.api.close();
      await server.end("SIGKILL");
      removeFolder(folder);
    });
    return other;
  }

  /** Writes at random until told to stop, and says what was acknowledged. */
  async function write(
    name: string,
    acknowledged: Change[],
    state: { stopped: boolean; deleted: Set<string> },
  ): Promise<void> {
    const ref = { ...oldSets, name };
    for (let n = 0; !state.stopped; n++) {
      const created = await client.create(ref, networkSet(name, n));
      acknowledged.push({ type: "put", object: created });
      for (let change = 0; change < n % 4; change++) {
        const spec = { nets: [`10.${n % 250}.${change}.0/24`] };
        const object = await client.patch(ref, { spec }, { type: "merge" });
        acknowledged.push({ type: "put", object });
      }
      if (n % 3 === 0) await client.create(configMaps, configMap(`${name}-${n}`, []));
      const uid = textAt(created, "metadata", "uid");
      await client.delete(ref, { uid });
      state.deleted.add(uid);
    }
  }

  test("changes are all there, once and in order, while others write, and none that was acknowledged before is missing", async (t) => {
    const servers = [client, await otherServer(t)];
    await waitUntil({ what: "the other API server lists", timeoutMs: 120_000 }, () =>
      servers[1]?.list(oldSets),
    );
    const from = await versionOf(oldSets);
    const acknowledged: Change[] = [];
    const state = { stopped: false, deleted: new Set<string>() };
    const writers = ["a", "b", "c", "d"].map((name) => write(name, acknowledged, state));
    const events: Change[] = [];
    let resourceVersion = from;
    let full = 0;
    let asked = 0;
    const next = async (limit: number): Promise<boolean> => {
      const known = acknowledged.map(versionOfChange);
      const answer = await (servers[asked++ % 2] ?? client).changes(oldSets, { resourceVersion, limit });
      assert(answer.events.length <= limit);
      events.push(...answer.events);
      resourceVersion = answer.resourceVersion;
      if (answer.more) full++;
      else assert(known.every((version) => compareVersions(version, resourceVersion) <= 0));
      return answer.more;
    };
    for (let n = 0; acknowledged.length < 1000; n++) await next(n % 3 === 0 ? 7 : 300);
    state.stopped = true;
    await Promise.all(writers);
    while (await next(200));

    t.diagnostic(`${acknowledged.length} writes, ${asked} answers`);
    assert(full > 0 && full < asked, "no answer met its limit, or all did");
    const puts = events.filter(({ type }) => type === "put").map(versionOfChange);
    assert.deepEqual(puts, acknowledged.map(versionOfChange).sort(compareVersions));
    const deleted = events.filter(({ type }) => type === "deleted");
    assert.equal(deleted.length, state.deleted.size);
    assert.deepEqual(new Set(deleted.map(({ object }) => textAt(object, "metadata", "uid"))), state.deleted);
    const versions = events.map(versionOfChange);
    assert.deepEqual(versions, [...versions].sort(compareVersions), "in order");
  });

  test("a resource that nobody writes to has no changes, and that is known without a change", async () => {
    const resourceVersion = await versionOf(nativeSets);
    const unchanged = await client.changes(nativeSets, { resourceVersion });
    assert.deepEqual([unchanged.events, unchanged.more], [[], false]);
    await client.create(configMaps, configMap("noise", []));
    const present = await versionOf(nativeSets);
    assert(compareVersions(present, resourceVersion) > 0);
    const later = await client.changes(nativeSets, { resourceVersion });
    assert.deepEqual([later.events, later.more], [[], false]);
    assert(compareVersions(later.resourceVersion, present) >= 0);
  });

  test("integers of a change stay exact", async () => {
    const blocks = { apiVersion: "crd.projectcalico.org/v1", plural: "ipamblocks" };
    const resourceVersion = await versionOf(blocks);
    const block = JSON.parse(
      '{"apiVersion":"crd.projectcalico.org/v1","kind":"IPAMBlock","metadata":{"name":"b"},"spec":{"cidr":"10.0.0.0/26","allocations":[],"attributes":[],"unallocated":[],"strictAffinity":false,"deleted":false}}',
    ) as JsonObject;
    const text = JSON.stringify(block).replace('"deleted"', '"sequenceNumber":9007199254740993,"deleted"');
    await client.request({ method: "POST", path: "/apis/crd.projectcalico.org/v1/ipamblocks", body: text });
    const { events } = await client.changes(blocks, { resourceVersion });
    assert.match(JSON.stringify(events[0]), /"sequenceNumber":9007199254740993\b/);
  });

  test("a second version opens, takes and gives the objects of v3, is noticed when lost, and leaves nothing behind", async () => {
    const names = crdNames("projectcalico.org/v3");
    const before = await client.get({ ...crdResource, name: sets });
    await openSecondVersions(send, names, { fieldManager });
    await waitUntil({ what: "the second version is served", timeoutMs: 120_000 }, async () =>
      (await secondVersionStates(send, names)).every(({ state }) => state === "served"),
    );
    const again = await openSecondVersions(send, names, { fieldManager });
    assert(again.every(({ state }) => state === "served"));

    const set = { ...networkSet("second", 1), apiVersion: secondSets.apiVersion };
    const created = await client.create(secondSets, set);
    const read = await client.get({ ...nativeSets, name: "second" });
    assert.equal(textAt(read, "metadata", "uid"), textAt(created, "metadata", "uid"));

    await client.patch({ ...crdResource, name: sets }, { spec: before["spec"] ?? {} }, { type: "merge" });
    const lost = await secondVersionStates(send, names);
    assert.deepEqual(
      lost.filter(({ state }) => state !== "served").map(({ name, state }) => [name, state]),
      [[sets, "closed"]],
    );
    await openSecondVersions(send, names, { fieldManager });

    await closeSecondVersions(send, names, { fieldManager });
    await closeSecondVersions(send, names, { fieldManager });
    const closed = await secondVersionStates(send, names);
    assert(closed.every(({ state }) => state === "closed"));
    const after = await client.get({ ...crdResource, name: sets });
    assert.deepEqual(after["spec"], before["spec"]);
    assert.deepEqual(objectAt(after, "status")["storedVersions"], ["v3"]);
    assert(!managersOf(after).some(({ manager }) => manager === fieldManager));
    await client.delete({ ...nativeSets, name: "second" });
  });

  test("an aggregated APIService is removed by its UID, and put back in place of the automanaged one", async () => {
    await openSecondVersions(send, [sets], { fieldManager });
    await waitUntil({ what: "the second version is served", timeoutMs: 120_000 }, async () =>
      (await secondVersionStates(send, [sets])).every(({ state }) => state === "served"),
    );
    const saved = aggregatedApiService();
    assert.equal((await readApiService(send, nativeApiService)).served, "automanaged");
    const restored = await restoreApiService(send, saved, { fieldManager });
    assert.deepEqual([restored.served, restored.available], ["aggregated", false]);
    const again = await restoreApiService(send, saved, { fieldManager });
    assert.equal(again.uid, restored.uid);
    assert.deepEqual(savedApiService(again.object ?? {}), saved);
    const probe = { ...nativeSets, shows: [] as string[], hides: [] };
    assert.match((await whyNotServedLocally(send, nativeApiService, [probe])) ?? "", /aggregated/);

    const set = { ...networkSet("early", 1), apiVersion: secondSets.apiVersion };
    const early = await client.create(secondSets, set);
    probe.shows = [textAt(early, "metadata", "uid")];
    // The API server would take its own APIService back within a second, if it wanted to.
    await delay(1500);
    assert.equal((await removeApiService(send, nativeApiService, "other")).served, "aggregated");
    const removed = await removeApiService(send, nativeApiService, restored.uid);
    assert.notEqual(removed.served, "aggregated");
    await waitUntil(
      { what: "the API server serves v3 itself", timeoutMs: 120_000 },
      async () => (await whyNotServedLocally(send, nativeApiService, [probe])) === undefined,
    );
    const hidden = { ...probe, hides: probe.shows };
    assert.match((await whyNotServedLocally(send, nativeApiService, [hidden])) ?? "", /aggregated/);
    await client.delete({ ...nativeSets, name: "early" });
    await closeSecondVersions(send, [sets], { fieldManager });
  });

  test("references to Calico objects are found everywhere, taken off and put back to new owners, with the garbage collector running", async () => {
    const [first, second] = await Promise.all(
      ["owner-1", "owner-2"].map((name) => client.create(oldSets, networkSet(name, 1))),
    );
    assert(first && second);
    const foreign = await client.create(configMaps, configMap("foreign-owner", []));
    const references = [
      reference(first, { blockOwnerDeletion: true }),
      reference(foreign, {}),
      reference(second, { controller: true }),
    ];
    await client.create(configMaps, configMap("owned", references));
    await client.create(configMaps, configMap("owned-by-others", [reference(foreign, {})]));
    await client.create(
      { apiVersion: "rbac.authorization.k8s.io/v1", plural: "clusterroles" },
      {
        apiVersion: "rbac.authorization.k8s.io/v1",
        kind: "ClusterRole",
        metadata: { name: "owned-role", ownerReferences: [reference(first, {})] },
        rules: [],
      },
    );

    const records = await scan();
    assert.deepEqual(
      records.map(({ plural, name, references: found }) => [plural, name, found.map(({ at }) => at)]),
      [
        ["clusterroles", "owned-role", [0]],
        ["configmaps", "owned", [0, 2]],
      ],
    );
    for (let time = 0; time < 2; time++) {
      for (const record of records) {
        assert.deepEqual(await releaseOwners(send, record, { fieldManager }), { outcome: "released" });
      }
    }
    assert.deepEqual(await scan(), []);
    for (const name of ["owner-1", "owner-2"]) await client.delete({ ...oldSets, name });
    await delay(2000);

    const owners = new Map<string, JsonObject>();
    for (const old of [first, second]) {
      const name = textAt(old, "metadata", "name");
      const object = { ...networkSet(name, 1), apiVersion: nativeSets.apiVersion };
      owners.set(textAt(old, "metadata", "uid"), await client.create(nativeSets, object));
    }
    const ownerOf = ({ uid }: { uid: string }) => {
      const owner = owners.get(uid);
      return owner === undefined ? undefined : reference(owner, {});
    };
    const other = await client.create(configMaps, configMap("later-owner", []));
    const owned = { ...configMaps, name: "owned" };
    const added = { metadata: { ownerReferences: [reference(foreign, {}), reference(other, {})] } };
    await client.patch(owned, added, { type: "merge" });
    for (let time = 0; time < 2; time++) {
      for (const record of records) {
        const outcome = await restoreOwners(send, record, ownerOf, { fieldManager });
        assert.deepEqual(outcome, { outcome: "restored", missing: [], demoted: [] });
      }
    }
    const [nativeFirst = {}, nativeSecond = {}] = owners.values();
    const found = objectsAt(await client.get(owned), "metadata", "ownerReferences");
    assert.deepEqual(found, [
      reference(nativeFirst, { blockOwnerDeletion: true }),
      reference(foreign, {}),
      reference(nativeSecond, { controller: true }),
      reference(other, {}),
    ]);

    await delay(2000);
    await client.get(owned);
    for (const name of ["owner-1", "owner-2"]) await client.delete({ ...nativeSets, name });
    await waitUntil({ what: "the garbage collector follows the new owner", timeoutMs: 60_000 }, async () => {
      const roles = {
        apiVersion: "rbac.authorization.k8s.io/v1",
        plural: "clusterroles",
        name: "owned-role",
      };
      return client.get(roles).then(
        () => false,
        (error: unknown) => isKubernetesError(error, "KUBERNETES_NOT_FOUND"),
      );
    });
  });

  test("what the API server has forgotten is told as such", async () => {
    const resourceVersion = await versionOf(oldSets);
    await client.create(oldSets, networkSet("forgotten", 1));
    await kubernetes.restart();
    await assert.rejects(client.changes(oldSets, { resourceVersion }), (error) =>
      isKubernetesError(error, "KUBERNETES_EXPIRED"),
    );
    await client.delete({ ...oldSets, name: "forgotten" });
  });

  test("a list whose snapshot is gone goes on behind the same object, or afresh, and changes are told all the same", async (t) => {
    assert(kubernetes.etcd);
    // Its memory would outlive a compaction that it has not made itself.
    const other = await otherServer(t, "--feature-gates=ListFromCacheSnapshot=false");
    const names = ["expiry-1", "expiry-3", "expiry-5", "expiry-7"];
    for (const name of names) await client.create(oldSets, networkSet(name, 1));
    const { items, continueToken, resourceVersion } = await other.list(oldSets, { limit: 2 });
    assert.deepEqual(items.map(nameOf), names.slice(0, 2));
    await client.create(oldSets, networkSet("expiry-0", 1));
    await client.create(oldSets, networkSet("expiry-4", 1));
    const etcd = new Etcd3({ hosts: [kubernetes.etcd.endpoint] });
    await etcd.kv.compact({ revision: await versionOf(oldSets), physical: true });
    etcd.close();

    const list = (token: string | undefined) => other.list(oldSets, { limit: 2, continueToken: token });
    await assert.rejects(list(continueToken), (error) => isKubernetesError(error, "KUBERNETES_EXPIRED"));
    const onward = await pageAfterPause(list, continueToken, "onward");
    assert.deepEqual(onward.items.map(nameOf), ["expiry-4", "expiry-5"]);
    assert.deepEqual((await list(onward.continueToken)).items.map(nameOf), ["expiry-7"]);
    const afresh = await pageAfterPause(list, continueToken, "afresh");
    assert.deepEqual(afresh.items.map(nameOf), ["expiry-0", "expiry-1"]);

    const { events } = await other.changes(oldSets, { resourceVersion });
    assert.deepEqual(
      events.map(({ object }) => nameOf(object)),
      ["expiry-0", "expiry-4"],
    );
    for (const name of [...names, "expiry-0", "expiry-4"]) await client.delete({ ...oldSets, name });
  });

  async function scan(): Promise<OwnedRecord[]> {
    const { resources, unread } = await scannedResources(send);
    assert.deepEqual(unread, []);
    assert(resources.length > 40, `${resources.length} resources`);
    const records: OwnedRecord[] = [];
    for (const resource of resources) {
      let token: string | undefined;
      do {
        const page = await ownedPage(send, resource, token);
        assert.equal(page.unread, undefined);
        records.push(...page.records);
        token = page.continueToken;
      } while (token !== undefined);
    }
    return records.sort((a, b) => (a.plural < b.plural ? -1 : 1));
  }
});

function nameOf(object: JsonObject): string {
  return textAt(object, "metadata", "name");
}

function versionOfChange({ object }: Change): string {
  return textAt(object, "metadata", "resourceVersion");
}

function networkSet(name: string, n: number): JsonObject {
  return {
    apiVersion: oldSets.apiVersion,
    kind: "GlobalNetworkSet",
    metadata: { name },
    spec: { nets: [`10.0.${n % 250}.0/24`] },
  };
}

function configMap(name: string, ownerReferences: JsonObject[]): JsonObject {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name, ownerReferences } };
}

function reference(owner: JsonObject, flags: JsonObject) {
  const apiVersion = textAt(owner, "apiVersion");
  const kind = textAt(owner, "kind");
  const name = textAt(owner, "metadata", "name");
  const uid = textAt(owner, "metadata", "uid");
  return { apiVersion, kind, name, uid, ...flags };
}

function aggregatedApiService(): JsonObject {
  return {
    apiVersion: nativeApiService.apiVersion,
    kind: "APIService",
    metadata: { name: nativeApiService.name, labels: { app: "calico-apiserver" } },
    spec: {
      group: "projectcalico.org",
      groupPriorityMinimum: 1500,
      insecureSkipTLSVerify: true,
      service: { name: "calico-api", namespace: "calico-apiserver", port: 443 },
      version: "v3",
      versionPriority: 200,
    },
  };
}
