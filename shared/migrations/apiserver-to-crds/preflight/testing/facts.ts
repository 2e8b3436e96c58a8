import { crdNames, type TargetGroup } from "../../../../calico/kinds.ts";
import type { JsonObject } from "../../../../json.ts";
import type { CrdFact, Facts, ObjectFacts, Workload } from "../facts.ts";

/** A workload of Calico v3.33.0 in calico-system. */
export function workload(name: string, rest: Partial<Workload> = {}): Workload {
  const kind = name === "calico-node" ? "DaemonSet" : "Deployment";
  const image = `quay.io/calico/${name}:v3.33.0`;
  return {
    kind,
    namespace: "calico-system",
    name,
    serviceAccount: name,
    images: [{ container: name, image, version: "v3.33.0" }],
    apiGroup: undefined,
    datastore: "kubernetes",
    helmRelease: undefined,
    ...rest,
  };
}

/** The operator of a version, which runs in tigera-operator. */
export function operator(version: string | undefined): Workload {
  const image = `quay.io/tigera/operator:${version ?? "latest"}`;
  const images = [{ container: "tigera-operator", image, version }];
  return workload("tigera-operator", { namespace: "tigera-operator", images, datastore: undefined });
}

/** An established CRD of one of the groups, nobody's. */
export function crd(name: string, rest: Partial<CrdFact> = {}): CrdFact {
  const version = name.includes(".crd.") ? "v1" : "v3";
  return {
    name,
    plural: name.slice(0, name.indexOf(".")),
    present: true,
    established: true,
    reason: "",
    served: [version],
    storage: version,
    owner: undefined,
    runs: [],
    secondVersion: { state: "closed" },
    ...rest,
  };
}

/** Every CRD of a group. */
export function crdsOf(group: TargetGroup): CrdFact[] {
  return crdNames(group).map((name) => crd(name));
}

/** A CRD of the native group as a manifest has it. */
export function manifestCrd(name: string): JsonObject {
  const versions = [{ name: "v3", served: true, storage: true }];
  return { kind: "CustomResourceDefinition", metadata: { name }, spec: { versions } };
}

/** An admission policy as a manifest has it. */
export function manifestPolicy(version: string): JsonObject {
  return {
    apiVersion: `admissionregistration.k8s.io/${version}`,
    kind: "MutatingAdmissionPolicy",
    metadata: { name: "tierlabel" },
  };
}

/** A cluster that every check passes: Calico 3.33 by manifests on Kubernetes 1.36. */
export function healthy(changes: Partial<Facts> = {}): Facts {
  return {
    kubernetes: "v1.36.1",
    admission: ["v1"],
    oldCrds: crdsOf("crd.projectcalico.org/v1"),
    nativeCrds: crdsOf("projectcalico.org/v3"),
    unconverted: [],
    manifest: [],
    admissionPolicies: ["tierlabel"],
    clusterInformation: { ready: true },
    tiers: [{ name: "default", order: 1_000_000, defaultAction: "Deny" }],
    policyNameMigrator: "Enabled",
    legacyNames: { count: 0, first: [] },
    held: { count: 0, first: [] },
    deleting: { count: 0, first: [] },
    conversions: { changed: { count: 0, first: [] }, broken: { count: 0, first: [] } },
    objects: objects(),
    byKind: { Tier: 1 },
    apiService: {
      served: "aggregated",
      uid: "1",
      available: true,
      message: "",
      object: { spec: { service: { namespace: "calico-apiserver", name: "calico-api" } } },
    },
    migrations: [],
    migrationVersions: [],
    workloads: ["calico-node", "calico-typha", "calico-kube-controllers"].map((name) => workload(name)),
    operator: undefined,
    installations: [],
    access: { asked: 10, denied: [] },
    accounts: [{ account: "calico-system/calico-node", missing: [] }],
    webhooks: [],
    writers: [],
    rehearsal: { asked: 7, refused: [], untried: [] },
    gitops: { mode: "pause", managers: [], elsewhere: [] },
    mirrorStatus: false,
    guards: "install",
    dependants: { byResource: {}, unread: [], skip: false },
    ...changes,
  };
}

/** Objects that nothing stands in the way of. */
export function objects(changes: Partial<ObjectFacts> = {}): ObjectFacts {
  const none = { count: 0, first: [] };
  const lists = { refused: none, colliding: none, homeless: none, overQuota: none, leftOut: none };
  return { ...lists, leftOutMissing: [], ...changes };
}

/** The same with the operator of a version, which installs Calico. */
export function byOperator(version: string | undefined, changes: Partial<Facts> = {}): Facts {
  return healthy({
    operator: operator(version),
    installations: [{ name: "default", variant: "Calico" }],
    ...changes,
  });
}
