import { z } from "zod";
import { LOCK_OPTIONS } from "../lock-options.ts";
import { ManifestSource } from "../manifest-source.ts";
import { keyOfName } from "./object-names.ts";

/** Every one of them is a loss that a person has to look at. */
const MOST_LEFT_OUT = 500;

/** An object of the old group, by its stored name. */
export const LeftOutName = z
  .string()
  .refine(
    (name) => keyOfName(name) !== undefined,
    "is no object of Calico's old group, such as NetworkSet/shop/partners or Tier/security",
  );

/** Options of `apiserver-to-crds`. Durations are milliseconds. None is a secret. */
export const ApiserverToCrdsOptions = z.strictObject({
  /** The manifest with the native CRDs and admission policies: a file, a directory or a URL. Without it they must be there. */
  crds: ManifestSource.optional(),
  /** What to do about tools that put Calico's objects back as their source has them. */
  gitops: z.enum(["pause", "refuse", "ignore"]).default("pause"),
  /** True to leave the owner references of objects that are not Calico's as they are: the garbage collector deletes these. */
  skipForeignOwnerReferences: z.boolean().default(false),
  /** Objects of the old group that are left out, each by kind, namespace and stored name: `NetworkSet/shop/partners`. */
  skip: z.array(LeftOutName).max(MOST_LEFT_OUT).default([]),
  /** What takes over what the API server guards (rights by tier, ClusterInformation) where no operator does: policies of ours. */
  guards: z.enum(["install", "none"]).default("install"),
  /** How many resources a batch holds. */
  batchSize: z.int().min(1).max(1000).default(200),
  /** How long the locked old group must stay unchanged before it counts as quiet. */
  quietMs: z.int().min(0).max(600_000).default(2000),
  /** How long others may keep the locked old group from becoming quiet. */
  quietDeadlineMs: z.int().min(1000).default(120_000),
  /** How long the switch and the rollout of Calico's workloads may take. */
  rolloutDeadlineMs: z.int().min(1000).default(1_800_000),
  /** True to show the run in a status shaped like upstream's DatastoreMigration, where no upstream controller runs. */
  mirrorStatus: z.boolean().default(false),
  ...LOCK_OPTIONS,
});
export type ApiserverToCrdsOptions = z.infer<typeof ApiserverToCrdsOptions>;
