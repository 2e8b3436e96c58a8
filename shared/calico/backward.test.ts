import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { exactInteger, parseExactJson } from "../exact-json.ts";
import type { JsonObject } from "../json.ts";
import { type BackwardContext, type EtcdWrite, backward, etcdKeysFor } from "./backward.ts";
import { forward } from "./forward.ts";
import type { ForwardContext } from "./forwarded.ts";
import { meaningHash } from "./meaning.ts";
import {
  FULL_NODE,
  NODE_NAMES,
  SAMPLES,
  V1,
  V3,
  resource,
  resourceKey,
  storedText,
} from "./testing/samples.ts";

function forwarded(key: string, text: string, context: ForwardContext): JsonObject {
  const result = forward(key, text, context);
  assert.ok(result.outcome === "carry", `${key}: ${JSON.stringify(result)}`);
  return result.object;
}

function back(
  object: JsonObject,
  context: ForwardContext,
  existing: Pick<BackwardContext, "existing" | "existingKey"> = {},
): EtcdWrite {
  const result = backward(object, { nodeNames: NODE_NAMES, sourceGroup: context.targetGroup, ...existing });
  assert.ok("key" in result, JSON.stringify(result));
  return result;
}

/** An object as read from the API server. */
function read(object: JsonObject, uid = "6a3c1c5e-1111-4222-8333-444444444444"): JsonObject {
  return {
    ...object,
    metadata: {
      ...(object.metadata as JsonObject),
      uid,
      resourceVersion: "7",
      generation: 2,
      creationTimestamp: "2026-01-01T00:00:00Z",
    },
  };
}

const NODE = { key: resourceKey("nodes", "rack1-a"), text: JSON.stringify(FULL_NODE) };
const STORED = [...SAMPLES.map((sample) => ({ key: sample.key, text: storedText(sample) })), NODE];

for (const context of [V1, V3]) {
  describe(`from ${context.targetGroup}`, () => {
    for (const { key, text } of STORED) {
      test(`${key} comes back as it was when nothing changed`, () => {
        const object = read(forwarded(key, text, context));
        assert.deepEqual(back(object, context, { existing: text, existingKey: key }), { key, value: text });
      });

      test(`${key} means the same when etcd has lost it`, () => {
        const object = forwarded(key, text, context);
        const written = back(read(object), context);
        const again = forwarded(written.key, written.value, context);
        assert.equal(meaningHash(again), meaningHash(object));
      });
    }
  });
}

for (const context of [V1, V3])
  describe(`a changed object of ${context.targetGroup}`, () => {
    const key = resourceKey("globalnetworkpolicies", "default.allow-dns");
    const text = JSON.stringify({
      ...resource(
        "GlobalNetworkPolicy",
        "default.allow-dns",
        { selector: "all()" },
        { annotations: { note: "x" } },
      ),
      status: { kept: true },
    });
    const object = read(forwarded(key, text, context));
    const changed = { ...object, spec: { ...(object.spec as JsonObject), selector: "role == 'db'" } };

    test("keeps the stored name, UID, creation time and status, and takes the new spec", () => {
      const written = back(changed, context, { existing: text, existingKey: key });
      const value = JSON.parse(written.value) as JsonObject;
      const { metadata } = JSON.parse(text) as JsonObject;
      assert.equal(written.key, key);
      assert.deepEqual(value.metadata, {
        ...(metadata as JsonObject),
        labels: { "projectcalico.org/tier": "default" },
      });
      assert.deepEqual(value.status, { kept: true });
      assert.deepEqual(value.spec, { selector: "role == 'db'", types: ["Ingress", "Egress"] });
    });

    test("means the change", () => {
      const { key: written, value } = back(changed, context, { existing: text, existingKey: key });
      assert.equal(meaningHash(forwarded(written, value, context)), meaningHash(changed));
    });

    test("is written whole over a value that is broken", () => {
      const { value } = back(changed, context, { existing: "{broken", existingKey: key });
      assert.equal(meaningHash(forwarded(key, value, context)), meaningHash(changed));
    });
  });

test("a new object gets the UID under which Calico shows it, and its creation time", () => {
  const object: JsonObject = {
    apiVersion: "crd.projectcalico.org/v1",
    kind: "GlobalNetworkSet",
    metadata: {
      name: "new",
      uid: "01020304-0506-4708-8910-111213141516",
      creationTimestamp: "2026-01-02T03:04:05Z",
    },
    spec: { nets: [] },
  };
  assert.deepEqual(JSON.parse(back(object, V1).value), {
    kind: "GlobalNetworkSet",
    apiVersion: "projectcalico.org/v3",
    metadata: {
      name: "new",
      uid: "8040c020-a060-4710-8908-8848c828a868",
      creationTimestamp: "2026-01-02T03:04:05Z",
    },
    spec: { nets: [] },
  });
});

test("new policies are stored under their v3 name; older ones may have the tier before it", () => {
  const keys = (name: string, tier: string): string[] =>
    etcdKeysFor(
      {
        apiVersion: "projectcalico.org/v3",
        kind: "NetworkPolicy",
        metadata: { name, namespace: "shop" },
        spec: { tier },
      },
      { nodeNames: NODE_NAMES, sourceGroup: "projectcalico.org/v3" },
    );
  assert.deepEqual(keys("web", "default"), [
    resourceKey("networkpolicies", "shop/web"),
    resourceKey("networkpolicies", "shop/default.web"),
  ]);
  assert.deepEqual(keys("secure.web", "secure"), [resourceKey("networkpolicies", "shop/secure.web")]);
});

describe("nodes", () => {
  const object = forwarded(NODE.key, NODE.text, V1);

  test("keep what only etcd holds when an annotation changes", () => {
    const { annotations } = object.metadata as { annotations: JsonObject };
    const changed = {
      ...object,
      metadata: {
        name: "node-a.example",
        labels: { "kubernetes.io/hostname": "other" },
        annotations: {
          ...annotations,
          "projectcalico.org/ASNumber": "64999",
          "projectcalico.org/IPv4IPIPTunnelAddr": null,
          "projectcalico.org/labels": '{"rr":"no"}',
        },
      },
    };
    const value = JSON.parse(back(changed, V1, { existing: NODE.text }).value) as Record<string, JsonObject>;
    const before = structuredClone(FULL_NODE) as Record<string, JsonObject>;
    const { ipv4IPIPTunnelAddr: _gone, ...bgp } = before.spec?.bgp as JsonObject;
    assert.deepEqual(value.spec, { ...before.spec, bgp: { ...bgp, asNumber: 64999 } });
    assert.deepEqual(value.status, before.status);
    assert.deepEqual(value.metadata, {
      ...before.metadata,
      labels: { rr: "no", "kubernetes.io/hostname": "a" },
    });
  });

  test("unknown to etcd become nodes that refer to the Kubernetes node and have its labels", () => {
    const fresh = {
      apiVersion: "v1",
      kind: "Node",
      metadata: {
        name: "node-z",
        labels: { zone: "z9" },
        annotations: { "projectcalico.org/IPv4Address": "192.0.2.99/24" },
      },
    };
    const { key, value } = back(fresh, V1);
    assert.equal(key, resourceKey("nodes", "node-z"));
    assert.deepEqual(JSON.parse(value), {
      kind: "Node",
      apiVersion: "projectcalico.org/v3",
      metadata: {
        name: "node-z",
        labels: { zone: "z9" },
        annotations: { "projectcalico.org/kube-labels": '{"zone":"z9"}' },
      },
      spec: {
        orchRefs: [{ nodeName: "node-z", orchestrator: "k8s" }],
        bgp: { ipv4Address: "192.0.2.99/24" },
      },
    });
  });
});

test("a block keeps the old spelling of its affinity only while it says the same", () => {
  const sample = SAMPLES.find(({ kind }) => kind === "IPAMBlock");
  assert.ok(sample);
  const existing = storedText(sample);
  const object = forwarded(sample.key, existing, V1);
  const hostAffinity = (spec: JsonObject): unknown =>
    (
      JSON.parse(
        back({ ...object, spec: { ...(object.spec as JsonObject), ...spec } }, V1, { existing }).value,
      ) as JsonObject
    ).hostAffinity;
  assert.equal(hostAffinity({ deleted: true }), "rack1-a");
  assert.equal(hostAffinity({ affinity: "host:node-b" }), undefined);
});

test("an affinity without a type is a host's", () => {
  const spec = { cidr: "10.64.0.0/30", node: "node-a.example", state: "confirmed", deleted: "true" };
  const object = {
    apiVersion: "crd.projectcalico.org/v1",
    kind: "BlockAffinity",
    metadata: { name: "a" },
    spec,
  };
  assert.deepEqual(back(object, V1), {
    key: "/calico/ipam/v2/host/rack1-a/ipv4/block/10.64.0.0-30",
    value: '{"state":"confirmed","deleted":true}',
  });
});

test("owners that Calico stores come back from etcd, others as the object has them", () => {
  const calicoOwner = { apiVersion: "projectcalico.org/v3", kind: "Tier", name: "t", uid: "1" };
  const owner = (uid: string): JsonObject => ({ apiVersion: "v1", kind: "Namespace", name: "shop", uid });
  const key = resourceKey("networksets", "shop/a");
  const existing = JSON.stringify(
    resource("NetworkSet", "shop/a", {}, { ownerReferences: [calicoOwner, owner("2")] }),
  );
  const object = forwarded(key, existing, V3);
  const metadata = { ...(object.metadata as JsonObject), ownerReferences: [owner("3")] };
  const value = JSON.parse(back({ ...object, metadata }, V3, { existing }).value) as { metadata: JsonObject };
  assert.deepEqual(value.metadata.ownerReferences, [calicoOwner, owner("3")]);
});

test("sequence numbers keep all their digits", () => {
  const sample = SAMPLES.find(({ kind }) => kind === "IPAMBlock");
  assert.ok(sample);
  const existing = storedText(sample);
  const read = parseExactJson(JSON.stringify(forwarded(sample.key, existing, V1))) as JsonObject;
  const spec = read.spec as JsonObject;
  const write = (change: JsonObject): string =>
    back({ ...read, spec: { ...spec, ...change } }, V1, { existing }).value;
  assert.equal(write({}), existing);
  assert.match(write({ deleted: true }), /"sequenceNumber":1732178291123456789,/);
  assert.match(
    write({ sequenceNumber: exactInteger("1832178291123456001") }),
    /"sequenceNumber":1832178291123456001,/,
  );
});

test("the lock and the types of the cluster stay etcd's own", () => {
  const key = resourceKey("clusterinformations", "default");
  const metadata = { annotations: { "calico-migrator.io/locked-by": "run-1" } };
  const existing = JSON.stringify(
    resource(
      "ClusterInformation",
      "default",
      { clusterType: "k8s,bgp", calicoVersion: "v1", datastoreReady: false },
      metadata,
    ),
  );
  const object = forwarded(key, existing, V1);
  const changed = {
    ...object,
    spec: { ...(object.spec as JsonObject), calicoVersion: "v2", datastoreReady: true },
  };
  const value = JSON.parse(back(changed, V1, { existing }).value) as JsonObject;
  assert.deepEqual(value.spec, { clusterType: "k8s,bgp", calicoVersion: "v2", datastoreReady: false });
  assert.deepEqual((value.metadata as JsonObject).annotations, metadata.annotations);
});

const SKIPPED: readonly (readonly [name: string, object: JsonObject, reason: RegExp])[] = [
  [
    "another kind",
    { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } },
    /not an object that Calico/,
  ],
  [
    "another group",
    { apiVersion: "projectcalico.org/v3", kind: "Tier", metadata: { name: "a" } },
    /not an object that Calico/,
  ],
  [
    "a new node whose name etcd uses for another",
    { apiVersion: "v1", kind: "Node", metadata: { name: "rack1-a" } },
    /already uses the name "rack1-a"/,
  ],
  [
    "a handle without an id",
    { apiVersion: "crd.projectcalico.org/v1", kind: "IPAMHandle", metadata: { name: "a" }, spec: {} },
    /handleID is missing/,
  ],
  [
    "a block without a network",
    { apiVersion: "crd.projectcalico.org/v1", kind: "IPAMBlock", metadata: { name: "a" } },
    /spec.cidr/,
  ],
];

for (const [name, object, reason] of SKIPPED) {
  test(`${name} is skipped`, () => {
    const result = backward(object, { nodeNames: NODE_NAMES, sourceGroup: "crd.projectcalico.org/v1" });
    assert.ok("skipped" in result);
    assert.match(result.skipped, reason);
  });
}

const LABEL = fc.stringMatching(/^[a-z][a-z0-9.-]{0,10}[a-z0-9]$/);
const TEXTS = fc.dictionary(
  fc.oneof(
    LABEL,
    LABEL.map((name) => `projectcalico.org/${name}`),
  ),
  LABEL,
  { maxKeys: 4 },
);
const METADATA = fc.record(
  { labels: TEXTS, annotations: fc.dictionary(LABEL, fc.string(), { maxKeys: 4 }) },
  { requiredKeys: [] },
);
const NAME = fc.stringMatching(/^(default\.)?[a-z][a-z0-9-]{0,8}[a-z0-9]$/);
const SPEC = fc.record(
  {
    tier: fc.constantFrom("", "default", "secure"),
    ingress: fc.array(
      fc.record({ action: fc.constantFrom("Allow", "Deny"), protocol: fc.constantFrom("TCP", null) }),
    ),
    egress: fc.array(fc.record({ action: fc.constantFrom("Allow", "Pass") })),
    order: fc.double({ noNaN: true, noDefaultInfinity: true }),
    selector: fc.string(),
    types: fc.constantFrom(["Ingress"], []),
    node: fc.constantFrom("rack1-a", "node-a.example", "node-b", "vm-1", "unknown"),
  },
  { requiredKeys: [] },
);
const KINDS_OF_TEST = fc.constantFrom(
  ["GlobalNetworkPolicy", "globalnetworkpolicies"] as const,
  ["StagedGlobalNetworkPolicy", "stagedglobalnetworkpolicies"] as const,
  ["GlobalNetworkSet", "globalnetworksets"] as const,
  ["BGPPeer", "bgppeers"] as const,
  ["HostEndpoint", "hostendpoints"] as const,
  ["Tier", "tiers"] as const,
);

test("any resource goes there and back and there again without a change of meaning", () => {
  fc.assert(
    fc.property(
      KINDS_OF_TEST,
      NAME,
      SPEC,
      METADATA,
      fc.constantFrom(V1, V3),
      fc.boolean(),
      ([kind, plural], name, spec, metadata, context, known) => {
        const key = resourceKey(plural, name);
        const text = JSON.stringify(resource(kind, name, spec as JsonObject, metadata));
        const object = forwarded(key, text, context);
        const written = back(read(object), context, known ? { existing: text, existingKey: key } : {});
        if (known) assert.deepEqual(written, { key, value: text });
        assert.equal(meaningHash(forwarded(written.key, written.value, context)), meaningHash(object));
      },
    ),
    { numRuns: 500 },
  );
});

test("any change made in Kubernetes survives the way back over what etcd had", () => {
  fc.assert(
    fc.property(
      NAME,
      SPEC,
      SPEC,
      METADATA,
      METADATA,
      fc.constantFrom(V1, V3),
      (name, oldSpec, newSpec, oldMetadata, newMetadata, context) => {
        const tier = { tier: "default" };
        const stored = (spec: unknown, metadata: unknown): string =>
          JSON.stringify(
            resource(
              "GlobalNetworkPolicy",
              name,
              { ...(spec as JsonObject), ...tier },
              metadata as JsonObject,
            ),
          );
        const key = resourceKey("globalnetworkpolicies", name);
        const changed = read(forwarded(key, stored(newSpec, newMetadata), context));
        const written = back(changed, context, { existing: stored(oldSpec, oldMetadata), existingKey: key });
        assert.equal(meaningHash(forwarded(written.key, written.value, context)), meaningHash(changed));
      },
    ),
    { numRuns: 500 },
  );
});
