import { z } from "zod";
import { parseVersion } from "../../calico/versions/version.ts";
import { LOCK_OPTIONS } from "../lock-options.ts";
import { ManifestSource } from "../manifest-source.ts";

/** Options of `etcd-to-kubernetes`. Durations are milliseconds. None is a secret. */
export const EtcdToKubernetesOptions = z.strictObject({
  /** The API group of the target's custom resources; found out when left out. */
  targetGroup: z.enum(["crd.projectcalico.org/v1", "projectcalico.org/v3"]).optional(),
  /** The version of the Calico that will use the target; found out when left out. */
  calicoVersion: z
    .string()
    .refine((text) => parseVersion(text) !== undefined, "is no version such as v3.28.5 or 3.28")
    .optional(),
  /** The Calico manifest for the Kubernetes datastore: a file, a directory or a URL. */
  manifest: ManifestSource.optional(),
  /** The Calico manifest for etcd, for the way back; without it the workloads are put back as they were. */
  rollbackManifest: ManifestSource.optional(),
  /** How many resources a batch holds. */
  batchSize: z.int().min(1).max(1000).default(200),
  /** How long the locked source must stay unchanged before it counts as quiet. */
  quietMs: z.int().min(0).max(600_000).default(2000),
  /** How long others may keep the locked source from becoming quiet. */
  quietDeadlineMs: z.int().min(1000).default(120_000),
  /** How long the rollout of Calico's workloads may take. */
  rolloutDeadlineMs: z.int().min(1000).default(1_800_000),
  /**
   * What becomes of others that use the same etcd (bare-metal hosts, OpenStack, other orchestrators): `refuse` to begin where there are
   * any; `unlock` etcd for them once Kubernetes has its own datastore; or they `stop`, as etcd stays locked.
   */
  othersOnEtcd: z.enum(["refuse", "unlock", "stop"]).default("refuse"),
  ...LOCK_OPTIONS,
});
export type EtcdToKubernetesOptions = z.infer<typeof EtcdToKubernetesOptions>;
