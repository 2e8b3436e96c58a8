import type { AdmissionVersion } from "../../../kubernetes/admission.ts";
import { parseVersion, rowFor, type Version } from "./versions.ts";

/** The versions of everything that has to fit together. An undefined one could not be told. */
export interface Combination {
  /** As the API server says it, for example `v1.36.1`. */
  kubernetes: string;
  calico: string | undefined;
  /** Absent where no operator installs Calico. */
  operator?: { version: string | undefined };
  /** The API versions in which the cluster serves MutatingAdmissionPolicy, by discovery. */
  admission: readonly AdmissionVersion[];
  /** The versions in which the cluster serves DatastoreMigration; none without its CRD. */
  migration: readonly string[];
}

/** Something in which a combination does not fit. */
export interface Misfit {
  level: "warn" | "block";
  message: string;
  next: string;
}

/**
 * How Kubernetes serves MutatingAdmissionPolicy, by the release from which on. Native Calico CRDs have no other way to
 * default a policy's types and its tier label.
 * Sources: KEP-3962 (alpha 1.32, beta 1.34, stable 1.36); the `prerelease-lifecycle-gen` marks in k8s.io/api.
 */
const KUBERNETES: readonly { from: Version; serves: AdmissionVersion | undefined; how: string }[] = [
  { from: [1, 0, 0], serves: undefined, how: "Upgrade Kubernetes to 1.34 or newer, best to 1.36." },
  {
    from: [1, 32, 0],
    serves: "v1alpha1",
    how: "Upgrade Kubernetes to 1.34 or newer, best to 1.36; this release has the alpha version only.",
  },
  {
    from: [1, 34, 0],
    serves: "v1beta1",
    how: "Start kube-apiserver with --feature-gates=MutatingAdmissionPolicy=true and --runtime-config=admissionregistration.k8s.io/v1beta1=true, or upgrade Kubernetes to 1.36.",
  },
  {
    from: [1, 36, 0],
    serves: "v1",
    how: "Take --feature-gates=MutatingAdmissionPolicy=false and any --runtime-config that turns admissionregistration.k8s.io/v1 off away from kube-apiserver.",
  },
];

/** The newest Kubernetes that this migration was tried with. */
const NEWEST_KUBERNETES: Version = [1, 36, 0];

/**
 * The Calico releases whose components can use native CRDs at all. CALICO_API_GROUP is in libcalico-go's apiconfig since
 * v3.32.0, and in no v3.31 release.
 */
const CALICO_FLOOR: Version = [3, 32, 0];
/** The newest Calico that this migration was tried with. */
const NEWEST_CALICO: Version = [3, 34, 0];

/**
 * What the operator can do, by the release from which on. After the switch it cannot be taken back to the old group by
 * itself, so what it cannot do has to be known before.
 */
const OPERATORS: readonly { from: Version; admission: readonly AdmissionVersion[]; migration: string[] }[] = [
  // 1.42.0 is the first that knows CALICO_API_GROUP and DatastoreMigration (#4577); its installation controller lists
  // admissionregistration.k8s.io/v1beta1 only, and is Degraded with ResourceReadError where that is not served.
  { from: [1, 42, 0], admission: ["v1beta1"], migration: ["v1beta1"] },
  // #4837 finds the served version by discovery; first in 1.42.2, which has all three versions in pkg/imports/admission.
  { from: [1, 42, 2], admission: ["v1", "v1beta1", "v1alpha1"], migration: ["v1beta1"] },
  // #5127 reads DatastoreMigration in the version that is served. In release-v1.44, not in 1.42 and 1.43: there the phase
  // reads empty where v1beta1 is not served, and the operator creates the APIService again while it is being removed.
  { from: [1, 44, 0], admission: ["v1", "v1beta1", "v1alpha1"], migration: ["v1beta1", "v1"] },
];

/** Everything in which a combination does not fit; nothing when it does. */
export function misfits(combination: Combination): Misfit[] {
  return [
    ...kubernetesMisfits(combination),
    ...calicoMisfits(combination.calico),
    ...operatorMisfits(combination),
  ];
}

function kubernetesMisfits({ kubernetes, admission }: Combination): Misfit[] {
  const version = parseVersion(kubernetes);
  if (admission.length === 0) return [notServed(kubernetes, version)];
  if (version === undefined) {
    const message = `the API server says its version is "${kubernetes}"`;
    return [{ level: "warn", message, next: "Look at the plan with care." }];
  }
  if (version[1] > NEWEST_KUBERNETES[1]) {
    const message = `Kubernetes ${kubernetes} is newer than what was tried (1.36)`;
    return [{ level: "warn", message, next: "Try it on a cluster that may break first." }];
  }
  return [];
}

function notServed(kubernetes: string, version: Version | undefined): Misfit {
  const row = version === undefined ? undefined : rowFor(KUBERNETES, version);
  const could = row?.serves === undefined ? "" : `, and could serve ${row.serves}`;
  return {
    level: "block",
    message: `Kubernetes ${kubernetes} serves MutatingAdmissionPolicy in no version${could}`,
    next: row?.how ?? "Make kube-apiserver serve MutatingAdmissionPolicy.",
  };
}

function calicoMisfits(calico: string | undefined): Misfit[] {
  const version = parseVersion(calico ?? "");
  if (version === undefined) {
    const message = "the version of calico-node cannot be told from its image";
    return [{ level: "warn", message, next: "Make sure that it is Calico 3.32 or newer." }];
  }
  if (rowFor([{ from: CALICO_FLOOR }], version) === undefined) {
    const message = `Calico ${calico ?? ""} cannot use native CRDs: 3.32.0 is the first that can`;
    return [{ level: "block", message, next: "Upgrade Calico to 3.32 or newer first." }];
  }
  const isNewer = version[0] > NEWEST_CALICO[0] || version[1] > NEWEST_CALICO[1];
  if (!isNewer) return [];
  const message = `Calico ${calico ?? ""} is newer than what was tried (3.34)`;
  return [{ level: "warn", message, next: "Try it on a cluster that may break first." }];
}

function operatorMisfits({ operator, admission, migration }: Combination): Misfit[] {
  if (operator === undefined) return [];
  const version = parseVersion(operator.version ?? "");
  if (version === undefined) {
    const message = "the operator's version cannot be told from its image";
    return [{ level: "warn", message, next: "Make sure that it is 1.42.2 or newer." }];
  }
  const row = rowFor(OPERATORS, version);
  const name = `operator ${operator.version ?? ""}`;
  if (row === undefined) {
    const message = `${name} cannot switch Calico to native CRDs: 1.42.0 is the first that can`;
    return [{ level: "block", message, next: "Upgrade the operator to 1.42.2 or newer first." }];
  }
  const found: Misfit[] = [];
  if (admission.length > 0 && !admission.some((served) => row.admission.includes(served))) {
    found.push({
      level: "block",
      message: `${name} uses MutatingAdmissionPolicy ${row.admission.join(", ")}, and Kubernetes serves ${admission.join(", ")}: it would stay Degraded after the switch`,
      next: "Upgrade the operator to 1.42.2 or newer first.",
    });
  }
  if (migration.length > 0 && !migration.some((served) => row.migration.includes(served))) {
    found.push({
      level: "block",
      message: `${name} reads DatastoreMigration ${row.migration.join(", ")}, and its CRD serves ${migration.join(", ")}: it would not see the migration, and would create the APIService again`,
      next: "Apply the DatastoreMigration CRD that serves v1beta1 as well, or upgrade the operator to 1.44 or newer.",
    });
  }
  return found;
}
