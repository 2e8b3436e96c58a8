import type { Lock } from "../../../calico/lock.ts";
import type { JsonObject } from "../../../json.ts";
import type { DeniedAccess } from "../../../kubernetes/access.ts";
import type { AdmissionVersion } from "../../../kubernetes/admission.ts";
import type { ApiServiceState } from "../../../kubernetes/api-services.ts";
import type { CrdState } from "../../../kubernetes/crds.ts";
import type { Managers } from "../../../kubernetes/gitops/find-managers.ts";
import type { SecondVersion } from "../../../kubernetes/second-version.ts";
import type { Rehearsed } from "../../target/rehearse.ts";
import type { GitOpsMode } from "./input.ts";

/** What could not be read, because the user may not or the cluster has no such API; `unread` says why. */
export interface Unread {
  unread: string;
}

/** True for what could not be read. */
export function isUnread(fact: object): fact is Unread {
  return "unread" in fact;
}

/** A DaemonSet or Deployment of Calico or of its operator. */
export interface Workload {
  kind: "DaemonSet" | "Deployment";
  namespace: string;
  name: string;
  /** The service account that its pods run as. */
  serviceAccount: string;
  /** The images of Calico's own containers, init containers among them; sidecars of others are left out. */
  images: readonly { container: string; image: string; version: string | undefined }[];
  /** What its containers are told by environment variables; undefined where none is. */
  apiGroup: string | undefined;
  datastore: string | undefined;
  /** `<namespace>/<name>` of the Helm release that it belongs to. */
  helmRelease: string | undefined;
}

/** Who else claims a CRD. */
export interface CrdOwner {
  /** `objectset` is what Rancher's controllers leave on what they apply. */
  tool: "helm" | "objectset";
  /** The release, or the owner of the object set. */
  name: string;
}

/** A CRD of one of Calico's two groups. */
export interface CrdFact extends CrdState {
  plural: string;
  owner: CrdOwner | undefined;
  /** The runs of this program that have created it, or opened its second version, and are not over. */
  runs: readonly string[];
  /** Whether it has, or can have, the second version. */
  secondVersion: SecondVersion;
}

/** A built-in or other tier of the old group, as stored. */
export interface TierFact {
  name: string;
  order: number | undefined;
  defaultAction: string | undefined;
}

/** How many there are, and the first of them by name. */
export interface Listed {
  count: number;
  first: readonly string[];
}

/** What stands in the way of single objects of the old group, by their names. */
export interface ObjectFacts {
  /** Those that the native CRD's schema refuses, or that are too large, with all reasons. */
  refused: Listed;
  /** Pairs that become one native object. */
  colliding: Listed;
  /** Those whose namespace is gone, or is being deleted. */
  homeless: Listed;
  /** The quotas that have no room for what is copied, as clauses. */
  overQuota: Listed;
  /** Those that the options leave out, and the ids of which there is none. */
  leftOut: Listed;
  leftOutMissing: readonly string[];
}

/** A webhook that is asked about objects of the native group. */
export interface WebhookFact {
  configuration: string;
  name: string;
  /** True when it is asked about ClusterInformation. */
  guardsClusterInformation: boolean;
  /** True when it judges who writes policies into which tier, as Calico's own does. */
  guardsTiers: boolean;
  /** True when a failure of the webhook refuses the write. */
  failsClosed: boolean;
  /** `<namespace>/<name>` of its service; undefined where it has a URL. */
  service: string | undefined;
  /** False when that service does not exist. */
  reachable: boolean;
}

/** Someone who may write objects of the native group. */
export interface WriterFact {
  /** `Group developers`, `ServiceAccount apps/deployer`. */
  subject: string;
  /** The role that says so. */
  role: string;
  /** Where only in one namespace. */
  namespace: string | undefined;
}

/** What a service account of Calico may do in the old group and may not in the native one. */
export interface AccountFact {
  /** `<namespace>/<name>`. */
  account: string;
  /** `update ipamblocks`. */
  missing: readonly string[];
}

/** Objects that are not Calico's and have owners that are. */
export interface Dependants {
  /** How many there are, by resource: `configmaps`, `widgets.example.org`. */
  byResource: Readonly<Record<string, number>>;
  /** The resources that could not be listed, with the reason. */
  unread: readonly string[];
}

/** Everything that the checks judge. Lists whose length follows the cluster's are bounded, and say how many there were. */
export interface Facts {
  /** The API server's version, for example `v1.36.1`. */
  kubernetes: string;
  admission: readonly AdmissionVersion[];
  /** The CRDs of crd.projectcalico.org and of projectcalico.org that are there, by name. */
  oldCrds: readonly CrdFact[];
  nativeCrds: readonly CrdFact[];
  /** The plurals of the old group that no converter is for, and whether there are objects of them. */
  unconverted: readonly { plural: string; hasObjects: boolean }[];
  /** The objects of the manifest with the native CRDs. */
  manifest: readonly JsonObject[];
  /** The names of MutatingAdmissionPolicies in the cluster that belong to Calico. */
  admissionPolicies: readonly string[];
  /** The lock of the old group's ClusterInformation `default`; undefined when there is no such object. */
  clusterInformation: Lock | undefined;
  tiers: readonly TierFact[];
  policyNameMigrator: "Enabled" | "Disabled";
  /** The policies of the default tier that are stored as `default.<name>`, as all were before Calico 3.32. */
  legacyNames: Listed;
  /** The objects of the old group whose native ones say more than they do, and those that cannot be converted, with the reason. */
  conversions: { changed: Listed; broken: Listed };
  objects: ObjectFacts;
  /** Objects of the old group with finalizers of their own: the API server keeps them, and their CRD, until these are off. */
  held: Listed;
  /** Objects of the old group that are being deleted, also those that only the aggregated API shows so. */
  deleting: Listed;
  /** How many objects of the old group there are, by native kind. */
  byKind: Readonly<Record<string, number>>;
  apiService: ApiServiceState;
  migrations: readonly { name: string; phase: string }[];
  /** The versions in which DatastoreMigration is served. */
  migrationVersions: readonly string[];
  workloads: readonly Workload[];
  /** The operator's workload; undefined where there is none. */
  operator: Workload | undefined;
  /** The Installations of the operator, with their variant. */
  installations: readonly { name: string; variant: string }[];
  access: { asked: number; denied: readonly DeniedAccess[] };
  accounts: readonly AccountFact[];
  webhooks: readonly WebhookFact[] | Unread;
  writers: readonly WriterFact[] | Unread;
  /** The writes after the lock, tried by dry runs. */
  rehearsal: Rehearsed;
  gitops: Managers & { mode: GitOpsMode };
  /** True where the run is to be shown as a DatastoreMigration. */
  mirrorStatus: boolean;
  /** What is to take over what the API server guards. */
  guards: "install" | "none";
  dependants: Dependants & { skip: boolean };
}
