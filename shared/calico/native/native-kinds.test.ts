import assert from "node:assert/strict";
import { test } from "node:test";
import { crdNames } from "../kinds.ts";
import { NATIVE_KINDS, nativeKindOf, pluralsWithoutConverter } from "./native-kinds.ts";

test("the converted kinds and ClusterInformation are all the CRDs of both groups", () => {
  const names = (group: string, plural: "plural" | "v1Plural"): string[] =>
    ["clusterinformations", ...NATIVE_KINDS.map((kind) => kind[plural])]
      .map((name) => `${name}.${group}`)
      .sort();
  assert.deepEqual(names("projectcalico.org", "plural"), crdNames("projectcalico.org/v3"));
  assert.deepEqual(names("crd.projectcalico.org", "v1Plural"), crdNames("crd.projectcalico.org/v1"));
});

test("the order is that of the ranks, tiers first and CalicoNodeStatus last", () => {
  const ranks = NATIVE_KINDS.map(({ rank }) => rank);
  assert.deepEqual(ranks, ranks.toSorted());
  assert.equal(NATIVE_KINDS[0]?.kind, "Tier");
  assert.equal(NATIVE_KINDS.at(-1)?.kind, "CalicoNodeStatus");
  const at = (kind: string): number => NATIVE_KINDS.findIndex((one) => one.kind === kind);
  assert.ok(at("BGPFilter") < at("BGPPeer"));
  assert.ok(at("HostEndpoint") < at("IPAMConfiguration"));
});

test("the kinds with a status subresource are those of Calico's native CRDs", () => {
  const kinds = NATIVE_KINDS.filter(({ statusSubresource }) => statusSubresource).map(({ kind }) => kind);
  assert.deepEqual(kinds.sort(), ["CalicoNodeStatus", "IPPool", "KubeControllersConfiguration", "Tier"]);
});

test("a kind is found by its v1 name only", () => {
  assert.equal(nativeKindOf("IPAMConfig")?.plural, "ipamconfigurations");
  assert.equal(nativeKindOf("IPAMConfiguration"), undefined);
  assert.equal(nativeKindOf("ClusterInformation"), undefined);
});

test("CRDs without a converter are named", () => {
  const present = [
    "tiers",
    "packetcaptures",
    "ipamconfigs",
    "clusterinformations",
    "managedclusters",
    "packetcaptures",
  ];
  assert.deepEqual(pluralsWithoutConverter(present), ["managedclusters", "packetcaptures"]);
  assert.deepEqual(pluralsWithoutConverter(NATIVE_KINDS.map(({ v1Plural }) => v1Plural)), []);
});
