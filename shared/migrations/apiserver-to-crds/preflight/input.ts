import type { JsonObject } from "../../../json.ts";

/** What to do about tools that put Calico's objects back as their source has them. */
export type GitOpsMode = "pause" | "refuse" | "ignore";

/** What the checks need of the run's options. */
export interface PreflightInput {
  /** The objects of the manifest with the native CRDs and admission policies; none without one. */
  crds: readonly JsonObject[];
  gitops: GitOpsMode;
  /** True to leave the owner references of objects that are not Calico's as they are. */
  skipForeignOwnerReferences: boolean;
  /** The objects that are left out. Default none. */
  skip?: readonly string[];
  /** What is left out since the run began. Default none. */
  leftOut?: readonly string[];
  /** True to show the run as a DatastoreMigration. Default false. */
  mirrorStatus?: boolean;
  /** What takes over what the API server guards. Default: admission policies of ours. */
  guards?: "install" | "none";
}
