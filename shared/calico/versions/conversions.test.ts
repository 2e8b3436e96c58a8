import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isJsonObject, type JsonObject } from "../../json.ts";
import { backward, etcdKeysFor } from "../backward.ts";
import { forward } from "../forward.ts";
import type { Carried, ForwardContext } from "../forwarded.ts";
import { METADATA_ANNOTATION } from "../metadata.ts";
import { carried, refused } from "../testing/forwarding.ts";
import { resource, resourceKey, V1 } from "../testing/samples.ts";
import { NEWEST_CALICO, type TargetCalico } from "./target-calico.ts";
import { hasKind, KIND_SINCE, rulesOf } from "./rules.ts";
import { type CalicoVersion, parseVersion } from "./version.ts";

const version = (text: string): CalicoVersion => parseVersion(text) ?? assert.fail(text);

/** The target as a version has it. */
function on(text: string, more: Partial<TargetCalico> = {}): ForwardContext {
  const missingKinds = new Set(Object.keys(KIND_SINCE).filter((kind) => !hasKind(version(text), kind)));
  return { ...V1, calico: { ...NEWEST_CALICO, rules: rulesOf(version(text)), missingKinds, ...more } };
}

function metadataOf({ object }: Carried): JsonObject {
  return object.metadata;
}

function storedOf(carriedObject: Carried): JsonObject {
  const { annotations } = metadataOf(carriedObject);
  assert.ok(isJsonObject(annotations));
  const text = annotations[METADATA_ANNOTATION];
  return JSON.parse(typeof text === "string" ? text : "") as JsonObject;
}

const POLICY = resourceKey("globalnetworkpolicies", "default.deny-db");
const POLICY_VALUE = resource(
  "GlobalNetworkPolicy",
  "default.deny-db",
  { selector: "all()", types: ["Ingress"] },
  { labels: { team: "data" }, annotations: { note: "why" } },
);
const TIER = { "projectcalico.org/tier": "default" };

describe("a policy", () => {
  test("of 3.28 and older has its prefix, and no tier", () => {
    for (const text of ["3.15.5", "3.24.6", "3.28.5"]) {
      const found = carried(POLICY, POLICY_VALUE, on(text));
      assert.equal(found.target.name, "default.deny-db", text);
      assert.equal(storedOf(found).name, undefined);
      assert.deepEqual(found.object.spec, { selector: "all()", types: ["Ingress"] });
    }
  });

  test("of 3.29 to 3.31 has its prefix, its tier and the label of it, and the name that the user gave", () => {
    for (const text of ["3.29.7", "3.30.7", "3.31.7"]) {
      const found = carried(POLICY, POLICY_VALUE, on(text));
      assert.equal(found.target.name, "default.deny-db");
      assert.equal(metadataOf(found).name, "default.deny-db");
      assert.deepEqual(metadataOf(found).labels, TIER);
      assert.equal(storedOf(found).name, "deny-db");
      assert.deepEqual(found.object.spec, { selector: "all()", types: ["Ingress"], tier: "default" });
    }
  });

  test("of 3.32 and newer has the name that the user gave", () => {
    const found = carried(POLICY, POLICY_VALUE, on("3.32.1"));
    assert.equal(found.target.name, "deny-db");
    assert.deepEqual(found.object.spec, { selector: "all()", types: ["Ingress"] });
  });

  test("gets the name by the target's rule, whatever version its key is of", () => {
    const key = resourceKey("globalnetworkpolicies", "deny-db");
    const value = resource("GlobalNetworkPolicy", "deny-db", { tier: "default" });
    assert.equal(carried(key, value, on("3.28.5")).target.name, "default.deny-db");
    assert.equal(carried(key, value, on("3.31.7")).target.name, "default.deny-db");
    assert.equal(carried(key, value, on("3.33.0")).target.name, "deny-db");
    const ofTier = resourceKey("networkpolicies", "shop/block");
    const tiered = resource("NetworkPolicy", "shop/block", { tier: "security" });
    assert.equal(carried(ofTier, tiered, on("3.31.7")).target.name, "security.block");
    assert.equal(storedOf(carried(ofTier, tiered, on("3.31.7"))).name, "security.block");
  });

  test("of another tier has no place in a Calico without tiers", () => {
    const key = resourceKey("networkpolicies", "shop/security.web");
    const result = refused(
      key,
      resource("NetworkPolicy", "shop/security.web", { tier: "security" }),
      on("3.28.5"),
    );
    assert.deepEqual([result.outcome, "code" in result && result.code], ["uncarriable", "TIER_UNKNOWN"]);
  });
});

test("labels and annotations are on the object where Calico looks for them there", () => {
  for (const text of ["3.15.5", "3.27.5"]) {
    const found = carried(POLICY, POLICY_VALUE, on(text));
    assert.deepEqual(metadataOf(found).labels, { team: "data" });
    assert.equal((metadataOf(found).annotations as JsonObject).note, "why");
    assert.deepEqual(Object.keys(storedOf(found)), ["creationTimestamp"]);
  }
  const found = carried(POLICY, POLICY_VALUE, on("3.28.0"));
  assert.equal(metadataOf(found).labels, undefined);
  assert.deepEqual(storedOf(found).labels, { team: "data" });
});

test("a label that Kubernetes refuses blocks only where it has to be on the object", () => {
  const value = resource("GlobalNetworkSet", "a", { nets: [] }, { labels: { "not a key": "x" } });
  const key = resourceKey("globalnetworksets", "a");
  assert.equal(refused(key, value, on("3.24.6")).outcome, "invalid");
  carried(key, value, on("3.28.5"));
});

test("a pool gets what the version's client adds, and no more", () => {
  const key = resourceKey("ippools", "a");
  const value = resource("IPPool", "a", { cidr: "10.0.0.0/16" });
  const added = (text: string) => {
    const { spec } = carried(key, value, on(text)).object;
    return Object.keys(spec as JsonObject).filter((member) =>
      ["allowedUses", "assignmentMode"].includes(member),
    );
  };
  assert.deepEqual(added("3.15.5"), []);
  assert.deepEqual(added("3.22.0"), ["allowedUses"]);
  assert.deepEqual(added("3.29.7"), ["allowedUses"]);
  assert.deepEqual(added("3.30.0"), ["allowedUses", "assignmentMode"]);
});

test("affinities have labels since 3.31, and no type where the CRD has none", () => {
  const key = "/calico/ipam/v2/host/node-b/ipv4/block/10.64.0.0-26";
  const value = { state: "confirmed" };
  const missingFields = new Map([["BlockAffinity", ["spec.type"]]]);
  const old = carried(key, value, on("3.28.5", { missingFields }));
  assert.equal(metadataOf(old).labels, undefined);
  assert.equal((old.object.spec as JsonObject).type, undefined);
  const newer = carried(key, value, on("3.30.7"));
  assert.equal(metadataOf(newer).labels, undefined);
  assert.equal((newer.object.spec as JsonObject).type, "host");
  assert.equal(Object.keys(metadataOf(carried(key, value, on("3.31.0"))).labels as JsonObject).length, 3);
  // That of a load balancer would be taken for a node's.
  const virtual = refused(key.replace("/host/", "/virtual/"), value, on("3.28.5", { missingFields }));
  assert.equal("code" in virtual && virtual.code, "AFFINITY_TYPE_UNKNOWN");
});

describe("a kind that the target lacks", () => {
  test("leaves its resources behind by name", () => {
    const result = refused(resourceKey("bgpfilters", "a"), resource("BGPFilter", "a", {}), on("3.24.6"));
    assert.equal(result.outcome, "uncarriable");
    assert.match(result.reason, /no CRD bgpfilters\.crd\.projectcalico\.org/);
  });

  test("loses nothing where it is a tier that is built in", () => {
    for (const name of [
      "default",
      "adminnetworkpolicy",
      "baselineadminnetworkpolicy",
      "kube-admin",
      "kube-baseline",
    ])
      assert.equal(
        refused(resourceKey("tiers", name), resource("Tier", name, {}), on("3.28.5")).outcome,
        "derived",
      );
    assert.equal(
      refused(resourceKey("tiers", "a"), resource("Tier", "a", {}), on("3.28.5")).outcome,
      "uncarriable",
    );
  });
});

describe("a field that the target's CRD lacks", () => {
  const lacking = (kind: string, ...paths: string[]) =>
    on("3.15.5", { missingFields: new Map([[kind, paths]]) });

  test("is left out where it says nothing, and named where it is a setting", () => {
    const key = resourceKey("felixconfigurations", "default");
    const ports = [
      { port: 22, net: "" },
      { port: 23, net: "10.0.0.0/8" },
    ];
    const value = resource("FelixConfiguration", "default", { floatingIPs: "Disabled", ports, other: 1 });
    const context = lacking("FelixConfiguration", "spec.floatingIPs", "spec.ports[].net", "spec.other");
    const found = carried(key, value, context);
    assert.deepEqual(found.object.spec, { ports: [{ port: 22 }, { port: 23 }] });
    assert.deepEqual(
      found.losses?.map((loss) => loss.split(":")[0]),
      ["spec.ports[].net", "spec.other"],
    );
  });

  test("stays where it changes what a policy or a pool means, for the schema to refuse", () => {
    const key = resourceKey("ippools", "a");
    const pool = (assignmentMode: string) => resource("IPPool", "a", { cidr: "10.0.0.0/16", assignmentMode });
    const context = lacking("IPPool", "spec.assignmentMode");
    assert.equal(
      (carried(key, pool("Automatic"), context).object.spec as JsonObject).assignmentMode,
      undefined,
    );
    assert.equal((carried(key, pool("Manual"), context).object.spec as JsonObject).assignmentMode, "Manual");
  });

  test("comes back with the rest when the object was changed", () => {
    const key = resourceKey("bgppeers", "tor");
    const value = resource("BGPPeer", "tor", { peerIP: "192.0.2.1", keepOriginalNextHop: true });
    const context = lacking("BGPPeer", "spec.keepOriginalNextHop");
    const { object } = carried(key, value, context);
    const changed = { ...object, spec: { peerIP: "192.0.2.2" } };
    const { calico = NEWEST_CALICO, nodeNames, targetGroup: sourceGroup } = context;
    const back = backward(changed, {
      nodeNames,
      sourceGroup,
      calico,
      existing: JSON.stringify(value),
      existingKey: key,
    });
    assert.ok("value" in back);
    const { spec } = JSON.parse(back.value) as JsonObject;
    assert.deepEqual(spec, { peerIP: "192.0.2.2", keepOriginalNextHop: true });
  });
});

describe("the way back", () => {
  const back = (object: JsonObject, text: string) =>
    backward(object, { nodeNames: V1.nodeNames, sourceGroup: V1.targetGroup, etcdVersion: version(text) });
  const made = carried(
    resourceKey("globalnetworkpolicies", "deny-db"),
    resource("GlobalNetworkPolicy", "deny-db", {}),
  );

  test("names a new policy as the Calico of etcd does", () => {
    const named = (text: string) => {
      const written = back(made.object, text);
      assert.ok("value" in written);
      const { metadata, spec } = JSON.parse(written.value) as Record<string, JsonObject>;
      const annotations = metadata?.annotations as JsonObject | undefined;
      return [written.key.split("/").at(-1), metadata?.name, annotations?.[METADATA_ANNOTATION], spec?.tier];
    };
    assert.deepEqual(named("3.24.6"), ["default.deny-db", "default.deny-db", undefined, undefined]);
    assert.deepEqual(named("3.31.7"), [
      "default.deny-db",
      "default.deny-db",
      '{"name":"deny-db"}',
      undefined,
    ]);
    assert.deepEqual(named("3.32.1"), ["deny-db", "deny-db", undefined, undefined]);
  });

  test("says why something has no place in the Calico of etcd", () => {
    const tiered = resource("GlobalNetworkPolicy", "security.a", { tier: "security" });
    const { object } = carried(resourceKey("globalnetworkpolicies", "security.a"), tiered);
    assert.match(JSON.stringify(back(object, "3.28.5")), /has no tiers/);
    const tier = carried(resourceKey("tiers", "a"), resource("Tier", "a", {}));
    assert.match(JSON.stringify(back(tier.object, "3.28.5")), /v3\.28\.5.*does not know the kind Tier/);
    assert.ok("key" in back(tier.object, "3.29.0"));
  });

  test("looks for a policy first where the Calico of etcd has it", () => {
    const keys = (text: string) =>
      etcdKeysFor(made.object, {
        nodeNames: V1.nodeNames,
        sourceGroup: V1.targetGroup,
        etcdVersion: version(text),
      }).map((key) => key.split("/").at(-1));
    assert.deepEqual(keys("3.24.6"), ["default.deny-db", "deny-db"]);
    assert.deepEqual(keys("3.32.1"), ["deny-db", "default.deny-db"]);
  });

  test("of what means the same changes no byte, with every version on either side", () => {
    for (const target of ["3.15.5", "3.22.5", "3.24.6", "3.28.5", "3.29.7", "3.30.7", "3.31.7", "3.32.1"]) {
      const context = on(target);
      const { object } = carried(POLICY, POLICY_VALUE, context);
      for (const etcd of ["3.15.5", "3.28.5", "3.31.7", "3.32.1"]) {
        const existing = JSON.stringify(POLICY_VALUE);
        const { calico = NEWEST_CALICO, nodeNames, targetGroup: sourceGroup } = context;
        const versions = { calico, etcdVersion: version(etcd) };
        const written = backward(object, {
          nodeNames,
          sourceGroup,
          ...versions,
          existing,
          existingKey: POLICY,
        });
        assert.deepEqual(written, { key: POLICY, value: existing }, `${target} ${etcd}`);
      }
    }
  });
});

test("native resources are written as the newest Calico does, whatever version is asked for", () => {
  const context: ForwardContext = { ...on("3.24.6"), targetGroup: "projectcalico.org/v3" };
  const found = forward(POLICY, JSON.stringify(POLICY_VALUE), context);
  assert.equal(found.outcome === "carry" && found.target.name, "deny-db");
});
