import assert from "node:assert/strict";
import { suite, test, type TestContext } from "node:test";
import { NATIVE_KINDS } from "../../../calico/native/native-kinds.ts";
import { failure } from "../../../kubernetes/testing/fake-store.ts";
import { nativeApiService } from "../../../kubernetes/api-services.ts";
import { crdResource } from "../../../kubernetes/crds.ts";
import { objectAt } from "../../../kubernetes/fields.ts";
import type { JsonObject } from "../../../json.ts";
import { CHECKS } from "./catalogue.ts";
import type { Facts } from "./facts.ts";
import type { Found } from "./gather/object-judge.ts";
import { gatherAccess, gatherFacts } from "./gather.ts";
import type { PreflightInput } from "./input.ts";
import {
  bothGroups,
  type FakeCluster,
  startFakeCluster,
  storedCrd,
  storedWorkload,
} from "./testing/fake-cluster.ts";

const old = (plural: string) => ({ apiVersion: "crd.projectcalico.org/v1", plural });
const apps = (plural: string, name: string) => ({
  apiVersion: "apps/v1",
  plural,
  namespace: "kube-system",
  name,
});

const INPUT: PreflightInput = { crds: [], gitops: "pause", skipForeignOwnerReferences: false };
const SERVES = {
  "admissionregistration.k8s.io/v1": { MutatingAdmissionPolicy: "mutatingadmissionpolicies" },
  "migration.projectcalico.org/v1beta1": { DatastoreMigration: "datastoremigrations" },
};

/** A cluster with Calico 3.32.1 by manifests. */
async function calicoCluster(t: TestContext): Promise<FakeCluster> {
  const cluster = await startFakeCluster(t, { serves: SERVES });
  await cluster.put(crdResource, ...bothGroups().map((name) => storedCrd(name)));
  const node = apps("daemonsets", "calico-node");
  await cluster.put(node, storedWorkload(node, { image: "quay.io/calico/node:v3.32.1" }));
  await cluster.put(nativeApiService, {
    metadata: { name: nativeApiService.name },
    spec: { service: { namespace: "calico-apiserver", name: "calico-api" } },
    status: { conditions: [{ type: "Available", status: "True" }] },
  });
  await cluster.put(
    old("clusterinformations"),
    v1("ClusterInformation", "default", { datastoreReady: true }),
  );
  await cluster.put(old("tiers"), v1("Tier", "default", { order: 1e6, defaultAction: "Deny" }));
  return cluster;
}

const namespaces = { apiVersion: "v1", plural: "namespaces" };

function namespace(name: string): JsonObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

function v1(kind: string, name: string, spec: JsonObject, metadata: JsonObject = {}): JsonObject {
  return { apiVersion: "crd.projectcalico.org/v1", kind, metadata: { name, ...metadata }, spec };
}

async function factsOf(cluster: FakeCluster, input: Partial<PreflightInput> = {}): Promise<Facts> {
  const whole = { ...INPUT, ...input };
  return gatherFacts(cluster, whole, await gatherAccess(cluster, whole));
}

function verdicts(facts: Facts): Record<string, string> {
  return Object.fromEntries(CHECKS.map((check) => [check.id, check.judge(facts).verdict]));
}

suite("gathering facts", () => {
  test("of a cluster that is ready writes nothing, and nothing blocks", async (t) => {
    const cluster = await calicoCluster(t);
    cluster.fake.requests.length = 0;

    const facts = await factsOf(cluster);

    const blocking = Object.entries(verdicts(facts)).filter(([, verdict]) => verdict === "block");
    assert.deepEqual(blocking, []);
    const writes = cluster.fake.requests.filter(
      ({ method, path, query }) =>
        method !== "GET" && !path.endsWith("accessreviews") && query.get("dryRun") !== "All",
    );
    assert.deepEqual(writes, []);
    assert.equal(facts.kubernetes, "v1.36.1");
    assert.deepEqual(facts.admission, ["v1"]);
    assert.deepEqual(facts.migrationVersions, ["v1beta1"]);
    assert.equal(facts.apiService.served, "aggregated");
    assert.deepEqual(facts.byKind, { Tier: 1 });
  });

  test("finds what stands in the way", async (t) => {
    const cluster = await calicoCluster(t);
    const migrations = { apiVersion: "migration.projectcalico.org/v1beta1", plural: "datastoremigrations" };
    await cluster.put(migrations, { metadata: { name: "v1-to-v3" }, status: { phase: "Converged" } });
    await cluster.put(old("tiers"), v1("Tier", "kube-admin", { order: 5 }));
    const web = v1("NetworkPolicy", "default.web", { types: ["Ingress"] }, { namespace: "shop" });
    await cluster.put(old("networkpolicies"), web);
    await cluster.put(crdResource, storedCrd("licensekeys.crd.projectcalico.org"));
    await cluster.put(old("licensekeys"), { metadata: { name: "default" } });

    await cluster.put(old("globalnetworkpolicies"), v1("GlobalNetworkPolicy", "open", {}));
    const ingress = [{ action: "Allow" }];
    await cluster.put(
      old("globalnetworkpolicies"),
      v1("GlobalNetworkPolicy", "said", { types: ["Ingress"], ingress }),
    );
    const undecodable = { annotations: { "projectcalico.org/metadata": "{" } };
    await cluster.put(old("globalnetworksets"), v1("GlobalNetworkSet", "torn", {}, undecodable));

    const facts = await factsOf(cluster);

    assert.deepEqual(facts.conversions.changed, { count: 1, first: ["GlobalNetworkPolicy/open"] });
    const [torn] = facts.conversions.broken.first.filter((one) => one.startsWith("GlobalNetworkSet/torn ("));
    assert.match(torn ?? "", /is not valid JSON/);
    assert.deepEqual(facts.migrations, [{ name: "v1-to-v3", phase: "Converged" }]);
    assert.deepEqual(facts.tiers[1], { name: "kube-admin", order: 5, defaultAction: undefined });
    assert.deepEqual(facts.legacyNames, { count: 1, first: ["NetworkPolicy default.web"] });
    assert.deepEqual(facts.unconverted, [{ plural: "licensekeys", hasObjects: true }]);
    const found = verdicts(facts);
    for (const id of ["upstream-migration", "built-in-tiers", "kinds-convertible"])
      assert.equal(found[id], "block", id);
    assert.equal(found["policy-names"], "warn");
  });

  test("finds admission policies in the version that Kubernetes 1.34 serves", async (t) => {
    const beta = "admissionregistration.k8s.io/v1beta1";
    const cluster = await startFakeCluster(t, {
      serves: {
        "admissionregistration.k8s.io/v1": { ValidatingAdmissionPolicy: "validatingadmissionpolicies" },
        [beta]: { MutatingAdmissionPolicy: "mutatingadmissionpolicies" },
      },
    });
    const resourceRules = [{ apiGroups: ["projectcalico.org"] }];
    const policy = { metadata: { name: "tierlabel" }, spec: { matchConstraints: { resourceRules } } };
    await cluster.put({ apiVersion: beta, plural: "mutatingadmissionpolicies" }, policy);

    const facts = await factsOf(cluster);

    assert.deepEqual([facts.admission, facts.admissionPolicies], [["v1beta1"], ["tierlabel"]]);
  });

  test("judges every object by its native CRD, its name, its namespace and the quotas there, with all reasons", async (t) => {
    const cluster = await calicoCluster(t);
    const crd = storedCrd("hostendpoints.projectcalico.org");
    const spec = {
      type: "object",
      properties: { node: { type: "string", minLength: 1 }, expectedIPs: { type: "array", maxItems: 1 } },
    };
    const openAPIV3Schema = { type: "object", properties: { spec } };
    const version = { name: "v3", served: true, storage: true, schema: { openAPIV3Schema } };
    const definition = { ...crd, spec: { ...(crd["spec"] as JsonObject), versions: [version] } };
    await cluster.kubernetes.replace({ ...crdResource, name: "hostendpoints.projectcalico.org" }, definition);
    const endpoint = { node: "", expectedIPs: ["10.0.0.1", "10.0.0.2"], colour: "red" };
    await cluster.put(old("hostendpoints"), v1("HostEndpoint", "wrong", endpoint));
    await cluster.put(old("hostendpoints"), v1("HostEndpoint", "left", endpoint));
    await cluster.put(namespaces, namespace("shop"), {
      metadata: { ...objectAt(namespace("stuck"), "metadata"), deletionTimestamp: "2026-01-01T00:00:00Z" },
    });
    const quota = (name: string, spec: JsonObject) => ({
      metadata: { name, namespace: "shop" },
      spec: { hard: { "count/networkpolicies.projectcalico.org": "3", pods: "1" }, ...spec },
      status: { used: { "count/networkpolicies.projectcalico.org": "2" } },
    });
    const quotas = { apiVersion: "v1", plural: "resourcequotas", namespace: "shop" };
    await cluster.put(quotas, quota("tight", {}), quota("scoped", { scopes: ["BestEffort"] }));
    const named = (stored: string, name: string) =>
      v1(
        "NetworkPolicy",
        stored,
        { types: ["Ingress"] },
        {
          namespace: "shop",
          annotations: { "projectcalico.org/metadata": JSON.stringify({ name }) },
        },
      );
    await cluster.put(old("networkpolicies"), named("default.same", "same"), named("same", "same"));
    await cluster.put(old("networksets"), v1("NetworkSet", "held", {}, { namespace: "stuck" }));
    await cluster.put(old("networksets"), v1("NetworkSet", "lost", {}, { namespace: "gone" }));
    const blocked: Record<string, unknown> = {};
    const lost: string[] = [];
    const keep = (found: Found): Promise<void> => {
      for (const { key, detail } of found.blocked) blocked[key] = detail["reason"];
      lost.push(...found.lost.map(({ key }) => key));
      return Promise.resolve();
    };

    const input = { skip: ["HostEndpoint/left", "Tier/none"] };
    const facts = await factsOf({ ...cluster, keep }, input);

    const reasons =
      "the target's CRD has no field spec.colour; spec.node: must have at least 1 characters; spec.expectedIPs: must have at most 1 items";
    const V1 = "crd.projectcalico.org/v1";
    assert.deepEqual(blocked, {
      [`${V1}/hostendpoints/wrong`]: reasons,
      [`${V1}/networkpolicies/shop/same`]:
        "it becomes the same native object as NetworkPolicy/shop/default.same",
      [`${V1}/networksets/stuck/held`]: 'there is no namespace "stuck", or it is being deleted',
      [`${V1}/networksets/gone/lost`]: 'there is no namespace "gone", or it is being deleted',
    });
    assert.deepEqual(lost, [`${V1}/hostendpoints/left`]);
    assert.deepEqual(facts.objects, {
      refused: { count: 1, first: [`HostEndpoint/wrong (${reasons})`] },
      colliding: { count: 1, first: ["NetworkPolicy/shop/same and NetworkPolicy/shop/default.same"] },
      homeless: { count: 2, first: ["NetworkSet/stuck/held", "NetworkSet/gone/lost"] },
      overQuota: {
        count: 1,
        first: [
          "shop: the quota tight has room for 1 networkpolicies.projectcalico.org (hard 3, used 2), and 2 are copied",
        ],
      },
      leftOut: { count: 1, first: ["HostEndpoint/left"] },
      leftOutMissing: [`${V1}/tiers/none`],
    });
    const found = verdicts(facts);
    for (const id of ["schema-accepts", "names-unique", "namespaces-there", "quotas", "left-out"])
      assert.equal(found[id], "block", id);
  });

  test("judges by the CRDs of the manifest where the cluster has none", async (t) => {
    const cluster = await startFakeCluster(t);
    await cluster.put(crdResource, storedCrd("tiers.crd.projectcalico.org"));
    await cluster.put(old("tiers"), v1("Tier", "wrong", { order: "5" }));
    const properties = { order: { type: "number" }, defaultAction: { type: "string" } };
    const openAPIV3Schema = { type: "object", properties: { spec: { type: "object", properties } } };
    const crd = storedCrd("tiers.projectcalico.org");
    const versions = [{ name: "v3", served: true, storage: true, schema: { openAPIV3Schema } }];
    const definition = { ...crd, spec: { ...(crd["spec"] as JsonObject), versions } };
    const crds = [{ ...definition, apiVersion: crdResource.apiVersion, kind: "CustomResourceDefinition" }];

    const { refused } = (await factsOf(cluster, { crds })).objects;

    assert.deepEqual(refused, { count: 1, first: ["Tier/wrong (spec.order: must be of type number)"] });
  });

  test("of a cluster without Calico ends in nothing to migrate", async (t) => {
    const facts = await factsOf(await startFakeCluster(t));

    assert.equal(verdicts(facts)["old-group"], "block");
    assert.deepEqual(facts.admission, []);
  });

  test("tells which rights are missing", async (t) => {
    const cluster = await startFakeCluster(t, {
      mayUser: ({ verb, resource }) => verb !== "delete" || resource !== "tiers",
    });

    const { denied } = await gatherAccess(cluster, INPUT);

    assert.deepEqual(
      denied.map(({ verb, resource, group }) => [verb, resource, group]),
      [["delete", "tiers", "projectcalico.org"]],
    );
  });

  test("asks for more rights where the API server guards owner references", async (t) => {
    const cluster = await calicoCluster(t);
    const before = (await factsOf(cluster)).access.asked;
    const message = "cannot set an ownerRef on a resource you can't delete";
    cluster.fake.inject({ method: "PATCH", answer: failure(403, "Forbidden", message) });

    const { asked } = (await factsOf(cluster)).access;

    assert.equal(asked - before, 2 * NATIVE_KINDS.length);
  });

  test("goes on where roles may not be read", async (t) => {
    const cluster = await calicoCluster(t);
    const answer = failure(403, "Forbidden", "clusterroles is forbidden");
    cluster.fake.inject({ path: "/clusterroles", times: Infinity, answer });

    const facts = await factsOf(cluster);

    assert.equal(verdicts(facts)["native-writers"], "warn");
  });
});
