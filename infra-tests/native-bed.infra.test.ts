import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { convertUid } from "../shared/calico/uid.ts";
import type { MigratorError } from "../shared/errors.ts";
import type { JsonObject } from "../shared/json.ts";
import { connectKubernetes } from "../shared/kubernetes/connection.ts";
import { objectAt, objectsAt, textAt } from "../shared/kubernetes/fields.ts";
import { closeSecondVersions } from "../shared/kubernetes/second-version-calls.ts";
import type { Send } from "../shared/kubernetes/types.ts";
import { SERVED_KINDS } from "./harness/aggregated/kinds.ts";
import { API_SERVICE_PATH } from "./harness/aggregated/publish.ts";
import { mustRequest, type TestApi } from "./harness/api.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { waitUntil } from "./harness/wait.ts";
import { type NativeBed, startNativeBed } from "./rig/native/bed.ts";
import { dumpGroups, withoutOwnerUids } from "./rig/native/dump.ts";
import type { Dependant } from "./rig/native/owners.ts";

const V1 = "/apis/crd.projectcalico.org/v1";
const V3 = "/apis/projectcalico.org/v3";
const PRE_COPY = "/apis/projectcalico.org/v3precopy";
const CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const MERGE = { contentType: "application/merge-patch+json" };

const globalSet = (name: string, more: JsonObject = {}): JsonObject => ({
  apiVersion: "projectcalico.org/v3",
  kind: "GlobalNetworkSet",
  metadata: { name, labels: { feed: "test" }, ...more },
  spec: { nets: ["192.0.2.0/24"] },
});

const statusOf = async (api: TestApi, method: string, path: string, body?: JsonObject) =>
  (await api.request(method, path, body)).status;

describe("a bed with the garbage collector and the manifest applied", () => {
  let bed: NativeBed;
  let api: TestApi;
  before(async () => {
    bed = await startNativeBed({ resources: 150, applied: true });
    ({ api } = bed);
  });
  after(() => bed.stop());

  test("serves every object of the old group through the aggregation layer, page by page", async () => {
    const old = await mustRequest(api, "GET", `${V1}/networkpolicies`);
    const uids = objectsAt(old, "items").map((item) => convertUid(textAt(item, "metadata", "uid")));
    const shown: JsonObject[] = [];
    for (let token = "", first = true; first || token !== ""; first = false) {
      const page = await mustRequest(api, "GET", `${V3}/networkpolicies?limit=10&continue=${token}`);
      shown.push(...objectsAt(page, "items"));
      token = encodeURIComponent(textAt(page, "metadata", "continue"));
    }
    assert.deepEqual(
      shown.map((item) => textAt(item, "metadata", "uid")),
      uids,
    );
    assert.ok(shown.every((item) => !textAt(item, "metadata", "name").startsWith("default.")));
    for (const { plural, kind } of SERVED_KINDS.values()) {
      const list = await mustRequest(api, "GET", `${V3}/${plural}`);
      assert.equal(objectsAt(list, "items").length, bed.expected.get(kind), kind);
    }
    assert.equal(await statusOf(api, "GET", `${V3}/ipamblocks`), 404);
  });

  test("kubectl lists, describes and edits through it", async () => {
    assert.match(await bed.kubernetes.kubectl(["get", "tiers.projectcalico.org"]), /NAME +CREATED AT/);
    const patch = [
      "patch",
      "tiers.projectcalico.org",
      "platform",
      "--type=merge",
      "-p",
      `{"spec":{"order":201}}`,
    ];
    assert.match(await bed.kubernetes.kubectl(patch), /patched/);
    assert.equal(objectAt(await mustRequest(api, "GET", `${V1}/tiers/platform`), "spec")["order"], 201);
  });

  test("tells watchers of changes", async () => {
    const tier = "tiers.projectcalico.org/platform";
    const waiting = bed.kubernetes.kubectl([
      "wait",
      "--for=jsonpath={.spec.order}=202",
      tier,
      "--timeout=30s",
    ]);
    const wait = { what: "kubectl watches the tier", timeoutMs: 60_000 };
    await waitUntil(wait, () => bed.aggregated.watched("kubectl").has("tiers"));
    await mustRequest(api, "PATCH", `${V1}/tiers/platform`, { spec: { order: 202 } }, MERGE);
    assert.match(await waiting, /condition met/);
  });

  test("takes writes: they are stored in the old group, with its metadata annotation", async () => {
    const path = `${V3}/globalnetworksets`;
    const made = await mustRequest(api, "POST", path, globalSet("written"));
    const kept = await mustRequest(api, "GET", `${V1}/globalnetworksets/written`);
    assert.equal(textAt(made, "metadata", "uid"), convertUid(textAt(kept, "metadata", "uid")));
    assert.deepEqual(objectAt(kept, "metadata", "labels"), {});
    assert.match(JSON.stringify(kept), /\\"feed\\":\\"test\\"/);
    assert.equal(await statusOf(api, "POST", path, globalSet("written")), 409);

    const changed = { ...made, spec: { nets: ["192.0.2.0/25"] } };
    const put = await mustRequest(api, "PUT", `${path}/written`, changed);
    assert.notEqual(textAt(put, "metadata", "resourceVersion"), textAt(made, "metadata", "resourceVersion"));
    assert.equal(await statusOf(api, "PUT", `${path}/written`, changed), 409);
    const labels = { metadata: { labels: { feed: null, more: "yes" } } };
    const patched = await mustRequest(api, "PATCH", `${path}/written`, labels, MERGE);
    assert.deepEqual(objectAt(patched, "metadata", "labels"), { more: "yes" });

    const wrong = { preconditions: { uid: textAt(kept, "metadata", "uid") } };
    assert.equal(await statusOf(api, "DELETE", `${path}/written`, wrong), 409);
    const right = { preconditions: { uid: textAt(made, "metadata", "uid") } };
    await mustRequest(api, "DELETE", `${path}/written`, right);
    assert.equal(await statusOf(api, "GET", `${path}/written`), 404);
  });

  test("leaves out of lists what Calico cannot read", async () => {
    const annotations = { "projectcalico.org/metadata": "{" };
    const broken = { ...globalSet("broken", { annotations }), apiVersion: "crd.projectcalico.org/v1" };
    await mustRequest(api, "POST", `${V1}/globalnetworksets`, broken);
    const list = await mustRequest(api, "GET", `${V3}/globalnetworksets`);
    assert.equal(objectsAt(list, "items").length, bed.expected.get("GlobalNetworkSet"));
    assert.equal(await statusOf(api, "GET", `${V3}/globalnetworksets/broken`), 500);
    await mustRequest(api, "DELETE", `${V1}/globalnetworksets/broken`);
  });

  test("a dump is the same as long as nothing changes, and shows a change through either group in both", async () => {
    const first = await dumpGroups(api);
    const second = await dumpGroups(api);
    assert.deepEqual([second.old.hash, second.native.hash], [first.old.hash, first.native.hash]);
    assert.match([...first.old.entries.values()].join(""), /"sequenceNumber":1711962000123\d{6}[^0]/);
    await mustRequest(api, "PATCH", `${V3}/tiers/platform`, { spec: { order: 205 } }, MERGE);
    const third = await dumpGroups(api);
    assert.deepEqual(
      first.old.changesUntil(third.old).map(({ id }) => id),
      [`${V1}/tiers/platform`],
    );
    assert.deepEqual(
      first.native.changesUntil(third.native).map(({ id }) => id),
      [`${V3}/tiers/platform`],
    );
    const owners = [...withoutOwnerUids(third.native).entries.values()].filter((text) =>
      text.includes('"ownerReferences"'),
    );
    assert.equal(owners.length, bed.owned);
    assert.doesNotMatch(owners.join(""), /"uid"/);
  });

  const pathOf = ({ namespace, name }: Dependant) => `/api/v1/namespaces/${namespace}/configmaps/${name}`;
  const isThere = async (path: string) => (await api.request("GET", path)).status === 200;

  /** What the garbage collector has looked at by now: a ConfigMap whose owner never was goes. */
  async function collected(name: string): Promise<void> {
    const owner = { apiVersion: "projectcalico.org/v3", kind: "GlobalNetworkSet", name: "nobody" };
    const ownerReferences = [{ ...owner, uid: "80000000-0000-4000-8000-000000000001" }];
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name, ownerReferences } };
    const path = "/api/v1/namespaces/default/configmaps";
    await mustRequest(api, "POST", path, object);
    const wait = { what: "a ConfigMap without an owner is collected", timeoutMs: 60_000 };
    await waitUntil(wait, async () => !(await isThere(`${path}/${name}`)));
  }

  test("what belongs to objects of Calico stays while they are there, and goes with them", async () => {
    await collected("orphan-before");
    for (const dependant of bed.dependants) assert.ok(await isThere(pathOf(dependant)), dependant.name);
    const [alone, second] = bed.dependants.filter((_, index) => index % 3 !== 0);
    assert.ok(alone && second && alone.owner.name !== second.owner.name);
    await mustRequest(api, "DELETE", `${V3}/${alone.owner.plural}/${alone.owner.name}`);
    const wait = { what: "the dependant is gone", timeoutMs: 60_000 };
    await waitUntil(wait, async () => !(await isThere(pathOf(alone))));
    await collected("orphan-after");
    assert.ok(await isThere(pathOf(second)));
  });

  describe("a second served version of a native CRD", () => {
    const name = "globalnetworksets.projectcalico.org";

    test("is written and read while the aggregated API serves v3, and is not shown there", async () => {
      await addVersion(api, name);
      await addVersion(api, "networkpolicies.projectcalico.org");
      const object = { ...globalSet("ahead"), apiVersion: "projectcalico.org/v3precopy" };
      await mustRequest(api, "POST", `${PRE_COPY}/globalnetworksets`, object);
      assert.equal(await statusOf(api, "GET", `${PRE_COPY}/globalnetworksets/ahead`), 200);
      assert.equal(await statusOf(api, "GET", `${V3}/globalnetworksets/ahead`), 404);
      assert.equal(await statusOf(api, "GET", `${V1}/globalnetworksets/ahead`), 404);
    });

    test("is subject to the admission policies, which name v3 only", async () => {
      const path = `${PRE_COPY}/namespaces/default/networkpolicies`;
      const metadata = { name: "ahead" };
      const object = { apiVersion: "projectcalico.org/v3precopy", kind: "NetworkPolicy", metadata, spec: {} };
      // The API server learns of a kind that a policy names within half a minute.
      const wait = { what: "a policy is admitted", timeoutMs: 60_000, intervalMs: 500 };
      await waitUntil(wait, () => mustRequest(api, "POST", path, object, { accepted: [409] }));
      const made = await mustRequest(api, "GET", `${path}/ahead`);
      assert.deepEqual(objectAt(made, "metadata", "labels"), { "projectcalico.org/tier": "default" });
      assert.deepEqual(objectAt(made, "spec"), { tier: "default", types: ["Ingress"] });
    });

    test("that somebody has made the stored one (SECOND_VERSION_STORED) goes once the error's commands are run", async (t) => {
      const { kubeconfig } = bed.kubernetes;
      const kubectl = (args: readonly string[]) => bed.kubernetes.kubectl(args);
      const client = await connectKubernetes({ kubeconfig, userAgent: "calico-migrator-test" });
      const send: Send = (request) => request(client);
      const close = () => closeSecondVersions(send, [name], { fieldManager: "calico-migrator:test" });
      await storeAs(api, name, "v3precopy");
      const status = `kubectl patch crd ${name} --subresource=status --type=merge -p `;
      const rewrite =
        "kubectl get globalnetworksets.v3precopy.projectcalico.org -A -o json | kubectl replace -f -";
      await assert.rejects(close(), (error: MigratorError) => {
        assert.equal(error.code, "SECOND_VERSION_STORED");
        assert.ok(error.next.includes(status) && error.next.includes(rewrite), error.next);
        return true;
      });

      await storeAs(api, name, "v3");
      const folder = temporaryFolder("stored-again");
      t.after(() => {
        removeFolder(folder);
      });
      const file = join(folder, "objects.json");
      writeFileSync(
        file,
        await kubectl(["get", "globalnetworksets.v3precopy.projectcalico.org", "-A", "-o", "json"]),
      );
      assert.match(await kubectl(["replace", "-f", file]), /ahead replaced/);
      const patch = ["--subresource=status", "--type=merge", "-p", '{"status":{"storedVersions":["v3"]}}'];
      await kubectl(["patch", "crd", name, ...patch]);
      await close();
      assert.equal(await statusOf(api, "GET", `${V3}/globalnetworksets/ahead`), 404);
    });

    test("serves what v3 serves once the APIService is gone, and leaves nothing behind", async () => {
      await mustRequest(api, "DELETE", API_SERVICE_PATH);
      const wait = { what: "the CRDs serve v3", timeoutMs: 60_000 };
      const path = `${V3}/globalnetworksets`;
      await waitUntil(wait, async () => (await statusOf(api, "GET", `${path}/ahead`)) === 200);
      assert.equal(objectsAt(await mustRequest(api, "GET", path), "items").length, 1);
      const service = await mustRequest(api, "GET", API_SERVICE_PATH);
      assert.equal(
        objectAt(service, "metadata", "labels")["kube-aggregator.kubernetes.io/automanaged"],
        "true",
      );
      const crd = await removeVersion(api, name);
      assert.deepEqual(objectAt(crd, "status")["storedVersions"], ["v3"]);
      await mustRequest(api, "DELETE", `${path}/ahead`);
    });

    test("the aggregated API takes over again where it is published again", async () => {
      await bed.aggregated.publish();
      const list = await mustRequest(api, "GET", `${V3}/tiers`);
      assert.equal(objectsAt(list, "items").length, bed.expected.get("Tier"));
    });
  });
});

test("with nodes, Calico's workloads roll out beside the aggregated API", async () => {
  const bed = await startNativeBed({
    resources: 100,
    nodes: 2,
    namespace: "calico-system",
    controllers: false,
  });
  try {
    const path = "/apis/apps/v1/namespaces/calico-system/daemonsets/calico-node";
    const { status } = await mustRequest(bed.api, "GET", path);
    assert.deepEqual([objectAt({ status }, "status")["numberAvailable"]], [2]);
    const list = await mustRequest(bed.api, "GET", `${V3}/tiers`);
    assert.equal(objectsAt(list, "items").length, bed.expected.get("Tier"));
  } finally {
    await bed.stop();
  }
});

async function addVersion(api: TestApi, name: string): Promise<void> {
  const crd = await mustRequest(api, "GET", `${CRDS}/${name}`);
  const versions = objectsAt(crd, "spec", "versions");
  const second = { ...versions[0], name: "v3precopy", storage: false };
  await mustRequest(api, "PATCH", `${CRDS}/${name}`, { spec: { versions: [...versions, second] } }, MERGE);
  const plural = name.slice(0, name.indexOf("."));
  const wait = { what: `${name} is served in a second version`, timeoutMs: 60_000 };
  await waitUntil(wait, async () => (await statusOf(api, "GET", `${PRE_COPY}/${plural}`)) === 200);
}

async function storeAs(api: TestApi, name: string, version: string): Promise<void> {
  const crd = await mustRequest(api, "GET", `${CRDS}/${name}`);
  const versions = objectsAt(crd, "spec", "versions").map((one) => ({
    ...one,
    storage: one["name"] === version,
  }));
  await mustRequest(api, "PATCH", `${CRDS}/${name}`, { spec: { versions } }, MERGE);
}

async function removeVersion(api: TestApi, name: string): Promise<JsonObject> {
  const crd = await mustRequest(api, "GET", `${CRDS}/${name}`);
  const versions = objectsAt(crd, "spec", "versions").filter((version) => version["name"] !== "v3precopy");
  return mustRequest(api, "PATCH", `${CRDS}/${name}`, { spec: { versions } }, MERGE);
}
