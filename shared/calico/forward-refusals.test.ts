import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../json.ts";
import { refused } from "./testing/forwarding.ts";
import { resource, resourceKey } from "./testing/samples.ts";

const WEP = "workloadendpoints";
const NOT_CARRIED: readonly (readonly [key: string, value: JsonObject, outcome: string, code?: string])[] = [
  [resourceKey("profiles", "kns.shop"), {}, "derived"],
  [resourceKey("networkpolicies", "shop/knp.default.web"), {}, "derived"],
  [resourceKey(WEP, "shop/w"), resource("WorkloadEndpoint", "shop/w", { orchestrator: "k8s" }), "derived"],
  [
    resourceKey("livemigrations", "shop/m"),
    resource("LiveMigration", "shop/m", { source: { workload: { orchestratorID: "k8s" } } }),
    "derived",
  ],
  ["/calico/ipam/v2/host/node-1", {}, "housekeeping"],
  [resourceKey("profiles", "mine"), resource("Profile", "mine", {}), "uncarriable", "PROFILE_NOT_DERIVED"],
  [
    resourceKey(WEP, "shop/w"),
    resource("WorkloadEndpoint", "shop/w", { orchestrator: "openstack" }),
    "uncarriable",
    "WORKLOAD_ENDPOINT_NOT_DERIVED",
  ],
  [
    resourceKey("livemigrations", "shop/m"),
    resource("LiveMigration", "shop/m", {}),
    "uncarriable",
    "LIVE_MIGRATION_NOT_DERIVED",
  ],
  [resourceKey("ipamconfigurations", "default"), { spec: {} }, "uncarriable", "IPAM_RESOURCE_UNUSED"],
  ["/calico/openstack/v1/neutron_election", {}, "uncarriable", "KEY_UNKNOWN"],
];

for (const [key, value, outcome, code] of NOT_CARRIED) {
  test(`${key} with ${JSON.stringify(value.spec ?? {})} is ${outcome}`, () => {
    const result = refused(key, value);
    assert.deepEqual([result.outcome, "code" in result ? result.code : undefined], [outcome, code]);
    assert.ok(result.reason.length > 10);
  });
}

test("what cannot be carried is named with its namespace", () => {
  const result = refused(resourceKey(WEP, "shop/w"), resource("WorkloadEndpoint", "shop/w", {}));
  assert.ok(result.outcome === "uncarriable");
  assert.deepEqual([result.kind, result.name], ["WorkloadEndpoint", "shop/w"]);
});

test("what is being deleted in etcd is not carried as living, and says what holds it", () => {
  const policy = resource("NetworkPolicy", "shop/web", {});
  const leaving = (more: JsonObject): JsonObject => ({
    ...policy,
    metadata: { ...(policy.metadata as JsonObject), ...more },
  });
  const key = resourceKey("networkpolicies", "shop/web");
  const deletionTimestamp = "2026-12-01T00:00:00Z";

  const held = refused(key, leaving({ deletionTimestamp, finalizers: ["example.com/hold"] }));

  assert.ok(held.outcome === "uncarriable");
  assert.deepEqual([held.code, held.name], ["BEING_DELETED", "shop/web"]);
  assert.match(
    held.reason,
    /^it is being deleted since 2026-12-01T00:00:00Z, and held by example\.com\/hold; /,
  );
  assert.match(
    refused(key, leaving({ deletionTimestamp })).reason,
    /^it is being deleted since \S+; whoever/,
  );
});

const POOL = resourceKey("ippools", "p");
const BLOCK = "/calico/ipam/v2/assignment/ipv4/block/10.64.0.0-30";
const GNS = resourceKey("globalnetworksets", "office");
const INVALID: readonly (readonly [key: string, value: JsonObject | string, code: string, reason: RegExp])[] =
  [
    [GNS, "", "VALUE_NOT_JSON", /not valid JSON/],
    [GNS, '{"kind":', "VALUE_NOT_JSON", /not valid JSON/],
    [GNS, "[]", "VALUE_NOT_JSON", /not a JSON object/],
    [GNS, "12345678901234567890", "VALUE_NOT_JSON", /not a JSON object/],
    [GNS, { kind: "Tier" }, "VALUE_NOT_OF_KEY", /^kind is not "GlobalNetworkSet"/],
    [GNS, { apiVersion: "v1" }, "VALUE_NOT_OF_KEY", /^apiVersion is not/],
    [GNS, resource("GlobalNetworkSet", "other", {}), "VALUE_NOT_OF_KEY", /^metadata.name is not "office"/],
    [
      GNS,
      resource("GlobalNetworkSet", "shop/office", {}),
      "VALUE_NOT_OF_KEY",
      /^metadata.namespace is not absent/,
    ],
    [
      resourceKey("networksets", "a/x"),
      resource("NetworkSet", "b/x", {}),
      "VALUE_NOT_OF_KEY",
      /^metadata.namespace is not "a"/,
    ],
    [GNS, { spec: [] }, "VALUE_INVALID", /^spec is not an object/],
    [GNS, { metadata: { labels: { a: 1 } } }, "VALUE_INVALID", /^metadata.labels\["a"\] is not a string/],
    [GNS, { metadata: { creationTimestamp: 1 } }, "VALUE_INVALID", /creationTimestamp is not a string/],
    [GNS, `{"spec":${"[".repeat(100)}${"]".repeat(100)}}`, "VALUE_TOO_DEEP", /deeper/],
    [
      GNS,
      { metadata: { labels: { "projectcalico.org/x": "a b" } } },
      "LABEL_INVALID",
      /projectcalico.org\/x/,
    ],
    [
      GNS,
      { metadata: { annotations: { "projectcalico.org/a b": "" } } },
      "ANNOTATION_INVALID",
      /"projectcalico.org\/a b"/,
    ],
    [GNS, { metadata: { annotations: { note: "x".repeat(262144) } } }, "ANNOTATIONS_TOO_LARGE", /262144/],
    [resourceKey("tiers", "Secure_1"), {}, "NAME_INVALID", /"Secure_1" of the Tier has upper-case/],
    [resourceKey("networksets", "my.ns/x"), {}, "NAMESPACE_INVALID", /"my.ns" of the NetworkSet/],
    ["/calico/ipam/v2/handle/a_b", { block: {} }, "NAME_INVALID", /"a_b" of the IPAMHandle/],
    ["/calico/ipam/v2/host/UPPER/ipv4/block/10.0.0.0-26", {}, "NAME_INVALID", /upper-case/],
    [POOL, {}, "CIDR_INVALID", /spec.cidr is not a network/],
    [POOL, { spec: { cidr: "10.0.0.1/16" } }, "CIDR_INVALID", /bits set behind/],
    [BLOCK, { cidr: "10.64.0.4/30" }, "VALUE_NOT_OF_KEY", /^cidr is not "10.64.0.0\/30"/],
    [BLOCK, { cidr: "10.64.0.0/30", allocations: {} }, "VALUE_INVALID", /^allocations is not a list/],
    [
      BLOCK,
      { cidr: "10.64.0.0/30", attributes: [{ secondary: { node: 1 } }] },
      "VALUE_INVALID",
      /^attributes\[0\].secondary/,
    ],
    [
      "/calico/ipam/v2/config",
      { strict_affinity: "yes" },
      "VALUE_INVALID",
      /^strict_affinity is not true or false/,
    ],
    [
      resourceKey("globalnetworkpolicies", "a"),
      { metadata: { annotations: { "projectcalico.org/metadata": "{" } } },
      "VALUE_INVALID",
      /not valid JSON/,
    ],
    [
      resourceKey("nodes", "new"),
      { spec: { orchRefs: [1] } },
      "VALUE_INVALID",
      /^spec.orchRefs\[0\] is not an object/,
    ],
  ];

for (const [key, value, code, reason] of INVALID) {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  test(`${key} = ${text.slice(0, 80)} is refused with ${code}`, () => {
    const result = refused(key, value);
    assert.ok(result.outcome === "invalid");
    assert.equal(result.code, code);
    assert.match(result.reason, reason);
  });
}

test("reasons do not repeat what a value holds", () => {
  const secret = "hunter2-hunter2";
  for (const value of [
    `{"spec":"${secret}"}`,
    secret,
    `{"metadata":{"name":"${secret}"}}`,
    `{"kind":"${secret}"}`,
  ]) {
    assert.ok(!refused(GNS, value).reason.includes(secret), value);
  }
});
