import assert from "node:assert/strict";
import { test } from "node:test";
import { KINDS, crdName, crdNames, kindByPlural, kindInfo, targetKind } from "./kinds.ts";

const COMMON_CRDS = [
  "bgpconfigurations",
  "bgpfilters",
  "bgppeers",
  "blockaffinities",
  "caliconodestatuses",
  "clusterinformations",
  "felixconfigurations",
  "globalnetworkpolicies",
  "globalnetworksets",
  "hostendpoints",
  "ipamblocks",
  "ipamhandles",
  "ippools",
  "ipreservations",
  "kubecontrollersconfigurations",
  "networkpolicies",
  "networksets",
  "stagedglobalnetworkpolicies",
  "stagedkubernetesnetworkpolicies",
  "stagednetworkpolicies",
  "tiers",
];

function expectedCrds(ipamConfig: string, group: string): string[] {
  return [...COMMON_CRDS, ipamConfig].map((plural) => `${plural}.${group}`).sort();
}

test("the CRDs of both groups are those that Calico ships", () => {
  assert.deepEqual(
    crdNames("crd.projectcalico.org/v1"),
    expectedCrds("ipamconfigs", "crd.projectcalico.org"),
  );
  assert.deepEqual(crdNames("projectcalico.org/v3"), expectedCrds("ipamconfigurations", "projectcalico.org"));
});

test("kinds without a CRD have no CRD name", () => {
  for (const kind of ["Node", "Profile", "WorkloadEndpoint", "LiveMigration"]) {
    assert.equal(crdName(kind, "crd.projectcalico.org/v1"), undefined, kind);
  }
});

test("the IPAM configuration answers to the names of both groups", () => {
  assert.equal(kindInfo("IPAMConfiguration"), kindInfo("IPAMConfig"));
  assert.equal(kindByPlural("ipamconfigurations"), kindInfo("IPAMConfig"));
  assert.deepEqual(targetKind(kindInfo("IPAMConfig"), "projectcalico.org/v3"), {
    kind: "IPAMConfiguration",
    plural: "ipamconfigurations",
    apiVersion: "projectcalico.org/v3",
  });
});

test("an unknown kind is refused by name", () => {
  assert.throws(() => kindInfo("ConfigMap"), { code: "KIND_UNKNOWN", message: /ConfigMap/ });
});

test("what refers to another kind is copied after it, and IPAM last", () => {
  const rank = (kind: string): number => kindInfo(kind).rank;
  assert.ok(rank("Tier") < rank("NetworkPolicy"));
  assert.ok(rank("Tier") < rank("StagedGlobalNetworkPolicy"));
  assert.ok(rank("BGPFilter") < rank("BGPPeer"));
  assert.ok(rank("ClusterInformation") < rank("Tier"));
  for (const kind of ["IPAMConfig", "IPAMBlock", "BlockAffinity", "IPAMHandle"]) {
    assert.ok(
      KINDS.every((info) => info.rank <= rank(kind)),
      kind,
    );
  }
});

test("every kind is carried, or says why not", () => {
  for (const { kind, carried, group } of KINDS) {
    assert.equal(carried === true, group !== "none", kind);
    assert.ok(carried === true || carried.length > 20, kind);
  }
});
