import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../json.ts";
import { forward } from "./forward.ts";
import { targetId } from "./target.ts";
import { KINDS } from "./kinds.ts";
import { carried, refused } from "./testing/forwarding.ts";
import { CREATED, SAMPLES, V1, V3, resource, resourceKey, storedText } from "./testing/samples.ts";

function asWritten(object: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(object)) as JsonObject;
}

describe("to crd.projectcalico.org/v1", () => {
  for (const sample of SAMPLES) {
    test(`${sample.key} becomes its ${sample.kind}`, () => {
      const result = carried(sample.key, storedText(sample));
      const { metadata, ...rest } = asWritten(result.object);
      const { annotations, ...others } = metadata as { annotations: Record<string, string> };
      const namespace = result.target.namespace;
      assert.deepEqual(rest, {
        apiVersion: "crd.projectcalico.org/v1",
        kind: sample.kind,
        spec: sample.spec,
      });
      assert.deepEqual(others, {
        name: sample.name,
        ...(namespace === undefined ? {} : { namespace }),
        ...(sample.labels === undefined ? {} : { labels: sample.labels }),
      });
      assert.deepEqual(JSON.parse(annotations["projectcalico.org/metadata"] ?? ""), sample.stored);
      assert.deepEqual([result.kind, result.rank, result.losses], [sample.kind, sample.rank, undefined]);
    });
  }

  test("there is a sample of every kind that is carried as a custom resource", () => {
    const sampled = new Set(SAMPLES.map(({ kind }) => kind));
    const missing = KINDS.filter(({ kind, group }) => group === "crd" && !sampled.has(kind));
    assert.deepEqual(missing, []);
  });

  test("Calico's own labels and annotations stand on the object as well, others only in the metadata annotation", () => {
    const { object } = carried(
      resourceKey("globalnetworksets", "office"),
      resource(
        "GlobalNetworkSet",
        "office",
        {},
        {
          labels: { role: "office", "projectcalico.org/kind": "NetworkSet" },
          annotations: { note: "x", "operator.tigera.io/managed": "yes" },
        },
      ),
    );
    const { labels, annotations } = object.metadata as {
      labels: JsonObject;
      annotations: Record<string, string>;
    };
    assert.deepEqual(labels, { "projectcalico.org/kind": "NetworkSet" });
    assert.deepEqual(Object.keys(annotations), ["projectcalico.org/metadata", "operator.tigera.io/managed"]);
    assert.equal(
      annotations["projectcalico.org/metadata"],
      `{"creationTimestamp":"${CREATED}","labels":{"projectcalico.org/kind":"NetworkSet","role":"office"},` +
        `"annotations":{"note":"x","operator.tigera.io/managed":"yes"}}`,
    );
  });

  test("block sequence numbers keep every digit", () => {
    const sample = SAMPLES.find(({ kind }) => kind === "IPAMBlock");
    assert.ok(sample);
    const { object } = carried(sample.key, storedText(sample));
    assert.match(JSON.stringify(object), /"sequenceNumber":1732178291123456789,/);
  });
});

describe("to projectcalico.org/v3", () => {
  for (const sample of SAMPLES) {
    test(`${sample.key} becomes a native ${sample.kind}`, () => {
      const { object } = carried(sample.key, storedText(sample), V3);
      const { apiVersion, kind, metadata, spec } = asWritten(object);
      const { labels, annotations, name } = metadata as JsonObject;
      const isAffinity = sample.kind === "BlockAffinity";
      assert.equal(apiVersion, "projectcalico.org/v3");
      assert.equal(kind, sample.kind === "IPAMConfig" ? "IPAMConfiguration" : sample.kind);
      assert.equal(name, sample.name);
      assert.deepEqual(spec, isAffinity ? { ...sample.spec, deleted: false } : sample.spec);
      assert.deepEqual([labels, annotations], [sample.stored.labels, sample.stored.annotations]);
    });
  }

  test("labels that Kubernetes would refuse are refused by key; in crd.projectcalico.org/v1 they are stored", () => {
    const key = resourceKey("globalnetworksets", "office");
    const value = resource("GlobalNetworkSet", "office", {}, { labels: { role: "not valid" } });
    assert.deepEqual(refused(key, value, V3), {
      outcome: "invalid",
      code: "LABEL_INVALID",
      reason: 'Kubernetes would refuse the label "role" or its value',
    });
    carried(key, value, V1);
  });
});

describe("policies", () => {
  const key = (name: string): string => resourceKey("globalnetworkpolicies", name);

  test("go by the name in the metadata annotation, which is not carried itself", () => {
    const annotations = { "projectcalico.org/metadata": '{"name":"web"}', note: "x" };
    const value = resource("GlobalNetworkPolicy", "default.web", {}, { annotations });
    const { target, object } = carried(key("default.web"), value, V3);
    assert.equal(target.name, "web");
    assert.deepEqual(object.metadata.annotations, { note: "x" });
  });

  test("collide in their target exactly when they get the same v3 name", () => {
    const id = (name: string, tier?: string): string =>
      targetId(
        carried(key(name), resource("GlobalNetworkPolicy", name, tier === undefined ? {} : { tier })).target,
      );
    assert.equal(id("default.web"), id("web"));
    assert.notEqual(id("default.web", "secure"), id("web"));
    assert.equal(id("web"), "crd.projectcalico.org/v1/globalnetworkpolicies/web");
  });

  test("keep a wrong tier label from surviving", () => {
    const value = resource(
      "GlobalNetworkPolicy",
      "secure.a",
      { tier: "secure" },
      { labels: { "projectcalico.org/tier": "x" } },
    );
    assert.deepEqual(carried(key("secure.a"), value, V3).object.metadata.labels, {
      "projectcalico.org/tier": "secure",
    });
  });
});

test("handles that differ by case collide, namespaces keep names apart", () => {
  const handle = (id: string): string =>
    targetId(carried(`/calico/ipam/v2/handle/${id}`, { block: {} }).target);
  assert.equal(handle("pod.AB"), handle("pod.ab"));
  const set = (path: string): string =>
    targetId(carried(resourceKey("networksets", path), resource("NetworkSet", path, {})).target);
  assert.notEqual(set("a/x"), set("b/x"));
});

test("host endpoints that kube-controllers made follow the name of their node, others keep theirs", () => {
  const labels = { "projectcalico.org/created-by": "calico-kube-controllers" };
  const name = (stored: string, metadata: JsonObject): string =>
    carried(
      resourceKey("hostendpoints", stored),
      resource("HostEndpoint", stored, { node: "rack1-a" }, metadata),
    ).target.name;
  assert.equal(name("rack1-a-auto-hep", { labels }), "node-a.example-auto-hep");
  assert.equal(name("rack1-a-web-eth0-auto-hep", { labels }), "node-a.example-web-eth0-auto-hep");
  assert.equal(name("rack1-a-auto-hep", {}), "rack1-a-auto-hep");
  assert.equal(name("uplink", { labels }), "uplink");
  assert.equal(name("rack1-a-uplink", { labels }), "rack1-a-uplink");
});

test("the old spelling of a block's affinity counts when there is no other", () => {
  const key = "/calico/ipam/v2/assignment/ipv4/block/10.64.0.0-30";
  const affinity = (value: JsonObject): unknown =>
    (carried(key, { cidr: "10.64.0.0/30", ...value }).object.spec as JsonObject).affinity;
  assert.equal(affinity({ hostAffinity: "rack1-a" }), "host:node-a.example");
  assert.equal(affinity({ affinity: null }), undefined);
  assert.equal(affinity({ affinity: "virtual:rack1-a" }), "virtual:rack1-a");
});

test("null lists of a block are empty, free addresses stay null", () => {
  const value =
    '{"cidr":"10.64.0.0/30","affinity":null,"allocations":[null,0],"unallocated":null,"attributes":null,"sequenceNumberForAllocation":null}';
  const { spec } = carried("/calico/ipam/v2/assignment/ipv4/block/10.64.0.0-30", value).object;
  assert.deepEqual(spec, {
    allocations: [null, 0],
    attributes: [],
    cidr: "10.64.0.0/30",
    deleted: false,
    sequenceNumber: 0,
    strictAffinity: false,
    unallocated: [],
  });
});

test("owners that Calico stores are named as a loss, others are carried", () => {
  const ownerReferences = [
    { apiVersion: "projectcalico.org/v3", kind: "Tier", name: "t", uid: "1" },
    { apiVersion: "v1", kind: "Namespace", name: "shop", uid: "2" },
  ];
  const value = resource("NetworkSet", "shop/a", {}, { ownerReferences });
  const { object, losses } = carried(resourceKey("networksets", "shop/a"), value, V3);
  assert.deepEqual(object.metadata.ownerReferences, [ownerReferences[1]]);
  assert.match(losses?.[0] ?? "", /ownerReferences/);
});

test("the mark of a lock and the status stay behind", () => {
  const value = {
    ...resource(
      "ClusterInformation",
      "default",
      {},
      { annotations: { "calico-migrator.io/locked-by": "run-1" } },
    ),
    status: { conditions: [] },
  };
  const { object } = carried(resourceKey("clusterinformations", "default"), value, V3);
  assert.equal(object.metadata.annotations, undefined);
  assert.equal(object.status, undefined);
});

test("kdd is named once in the cluster's types", () => {
  const types = (clusterType: string): unknown =>
    (
      carried(
        resourceKey("clusterinformations", "default"),
        resource("ClusterInformation", "default", { clusterType }),
      ).object.spec as JsonObject
    ).clusterType;
  assert.deepEqual(["", "k8s,bgp,", "kdd", "kdd,k8s"].map(types), ["kdd", "k8s,bgp,kdd", "kdd", "kdd,k8s"]);
});

test("the source hash follows the stored bytes", () => {
  const text = JSON.stringify(resource("GlobalNetworkSet", "office", {}));
  const hashOf = (value: string | Buffer): string => {
    const result = forward(resourceKey("globalnetworksets", "office"), value, V1);
    return result.outcome === "carry" ? result.sourceHash : "";
  };
  assert.match(hashOf(text), /^[0-9a-f]{64}$/);
  assert.equal(hashOf(Buffer.from(text)), hashOf(text));
  assert.notEqual(hashOf(`${text} `), hashOf(text));
});
