import assert from "node:assert/strict";
import { test } from "node:test";
import type { JsonObject } from "../../../shared/json.ts";
import { Snapshot } from "../../harness/snapshot.ts";
import { DIFFERENCE_CLASSES, type Differences, differencesOf, untypedPolicies } from "./differences.ts";

const MIGRATED_BY = { "migration.projectcalico.org/migrated-by": "6e46ac48-0153-46b3-9e70-0fbe76463bae" };

function compare(kind: string, upstream: JsonObject, ours: JsonObject, untyped = ["it"]): Differences {
  const snapshot = (object: JsonObject): Snapshot =>
    new Snapshot([["it", JSON.stringify({ kind, ...object })]]);
  return differencesOf(snapshot(upstream), snapshot(ours), new Set(untyped));
}

const KNOWN: readonly { name: string; kind: string; upstream: JsonObject; ours: JsonObject }[] = [
  {
    name: "migrated-by",
    kind: "Tier",
    upstream: { metadata: { name: "t", annotations: MIGRATED_BY } },
    ours: { metadata: { name: "t" } },
  },
  {
    name: "released-at",
    kind: "IPAMBlock",
    upstream: { spec: { attributes: [{ handle_id: "a" }] } },
    ours: { spec: { attributes: [{ handle_id: "a", releasedAt: "2026-08-01T12:00:00Z" }] } },
  },
  {
    name: "handle-case",
    kind: "IPAMHandle",
    upstream: { spec: { handleID: "k8s-pod-network.ab" } },
    ours: { spec: { handleID: "k8s-pod-network.AB" } },
  },
  {
    name: "ipam-metadata",
    kind: "IPAMHandle",
    upstream: { metadata: { name: "h" } },
    ours: { metadata: { name: "h", labels: { kept: "true" } } },
  },
  {
    name: "policy-types",
    kind: "NetworkPolicy",
    upstream: { spec: { types: ["Egress"] } },
    ours: { spec: { types: ["Ingress", "Egress"] } },
  },
  {
    name: "zero-values",
    kind: "NetworkPolicy",
    upstream: { spec: { egress: [{ action: "Allow" }] } },
    ours: { spec: { egress: [{ action: "Allow", source: {} }] } },
  },
];

for (const { name, kind, upstream, ours } of KNOWN) {
  test(`${name} is explained, and only in its direction`, () => {
    const { explained, unexplained } = compare(kind, upstream, ours);
    assert.deepEqual(
      [...explained].map(([found, kinds]) => [found, ...kinds]),
      [[name, [kind, 1]]],
    );
    assert.deepEqual(unexplained, []);
    assert.equal(compare(kind, ours, upstream).unexplained.length, 1);
  });
}

test("every class has an example here", () => {
  assert.deepEqual(
    DIFFERENCE_CLASSES.map(({ name }) => name),
    KNOWN.map(({ name }) => name),
  );
});

const UNKNOWN: readonly (readonly [string, JsonObject, JsonObject])[] = [
  ["a label that only a policy of ours has", {}, { metadata: { labels: { a: "b" } } }],
  ["another value", { spec: { order: 1 } }, { spec: { order: 2 } }],
  ["a type that is another", { spec: { types: ["Ingress"] } }, { spec: { types: ["Egress"] } }],
  ["an order that only ours has", { spec: {} }, { spec: { order: 2 } }],
  ["an annotation of upstream's object", { metadata: { annotations: { other: "1" } } }, {}],
  ["a rule that is lost", { spec: { egress: [{ action: "Deny" }] } }, { spec: {} }],
];

for (const [what, upstream, ours] of UNKNOWN) {
  test(`${what} is not explained`, () => {
    assert.equal(compare("NetworkPolicy", upstream, ours).unexplained.length, 1);
  });
}

test("of an object with several differences, only those without a reason are told", () => {
  const { explained, unexplained } = compare(
    "Tier",
    { metadata: { annotations: MIGRATED_BY }, spec: { order: 1 } },
    { metadata: {}, spec: { order: 2 } },
  );
  assert.equal(explained.get("migrated-by")?.get("Tier"), 1);
  assert.deepEqual(unexplained, [{ id: "it", paths: ["spec.order"] }]);
});

test("an object that only one side has is not explained", () => {
  const one = new Snapshot([["tiers/a", "{}"]]);
  const other = new Snapshot([["tiers/b", "{}"]]);
  const { objects, unexplained } = differencesOf(one, other, new Set());
  assert.equal(objects, 2);
  assert.deepEqual(
    unexplained.map(({ id, only }) => [id, only]),
    [
      ["tiers/a", "upstream"],
      ["tiers/b", "migrator"],
    ],
  );
});

test("types are explained only of a policy whose v1 object had none", () => {
  const [upstream, ours] = [{ spec: { types: ["Egress"] } }, { spec: { types: ["Ingress", "Egress"] } }];
  assert.equal(compare("NetworkPolicy", upstream, ours, []).unexplained.length, 1);
});

test("policies without types are found in the old group, under the names that become of them", () => {
  const policy = (name: string, spec: JsonObject): [string, string] => {
    const metadata = { name, namespace: "shop" };
    const object = { apiVersion: "crd.projectcalico.org/v1", kind: "NetworkPolicy", metadata, spec };
    return [name, JSON.stringify(object)];
  };
  const old = new Snapshot([
    policy("default.typed", { types: ["Ingress"] }),
    policy("default.untyped", { order: 1 }),
    policy("secure.untyped", { order: 1, tier: "secure" }),
  ]);
  assert.deepEqual(
    [...untypedPolicies(old)],
    [
      "/apis/projectcalico.org/v3/networkpolicies/shop/default.untyped",
      "/apis/projectcalico.org/v3/networkpolicies/shop/secure.untyped",
    ],
  );
});
