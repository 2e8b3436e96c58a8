import { MigratorError } from "../../shared/errors.ts";
import { ADMISSION_GROUP, type AdmissionVersion } from "../../shared/kubernetes/admission.ts";

/** Names the release of Kubernetes that a local cluster is made of, by major and minor: `1.28`. Default: the newest. */
export const RELEASE_VARIABLE = "CALICO_MIGRATOR_TEST_KUBERNETES";

/** A release of Kubernetes that the test bed builds from its modules. */
export interface KubernetesRelease {
  /** As `RELEASE_VARIABLE` names it. */
  name: string;
  /** With its patch: what its programs say they are. */
  version: string;
  /** Folder beside this file that holds go.mod and go.sum. */
  folder: string;
  /** The API version in which local clusters of it serve MutatingAdmissionPolicy; undefined where it has none. */
  mutating: AdmissionVersion | undefined;
}

const NEWEST: KubernetesRelease = {
  ...{ name: "1.36", version: "v1.36.1", folder: "control-plane", mutating: "v1" },
};

/** Oldest first. */
export const RELEASES: readonly KubernetesRelease[] = [
  { name: "1.28", version: "v1.28.15", folder: "control-plane-1.28", mutating: undefined },
  { name: "1.32", version: "v1.32.13", folder: "control-plane-1.32", mutating: "v1alpha1" },
  { name: "1.34", version: "v1.34.4", folder: "control-plane-1.34", mutating: "v1beta1" },
  { name: "1.35", version: "v1.35.4", folder: "control-plane-1.35", mutating: "v1beta1" },
  NEWEST,
];

/** What kube-apiserver of a release needs to serve MutatingAdmissionPolicy: before it was stable, that was off by itself. */
export function mutatingArguments({ mutating }: KubernetesRelease): string[] {
  if (mutating === undefined || mutating === "v1") return [];
  return [
    "--feature-gates=MutatingAdmissionPolicy=true",
    `--runtime-config=${ADMISSION_GROUP}/${mutating}=true`,
  ];
}

/** True where somebody has asked for a release by name: then clusters are local ones. */
export function isReleaseGiven(): boolean {
  return (process.env[RELEASE_VARIABLE] ?? "") !== "";
}

/**
 * The release that local clusters are made of.
 *
 * @throws MigratorError TEST_KUBERNETES_UNKNOWN for one that the test bed has no modules of.
 */
export function kubernetesRelease(): KubernetesRelease {
  if (!isReleaseGiven()) return NEWEST;
  const name = process.env[RELEASE_VARIABLE] ?? "";
  const found = RELEASES.find((release) => release.name === name);
  if (found !== undefined) return found;
  throw new MigratorError("TEST_KUBERNETES_UNKNOWN", `${RELEASE_VARIABLE} is "${name}"`, {
    next: `Set it to one of ${RELEASES.map((release) => release.name).join(", ")}, or not at all.`,
  });
}
