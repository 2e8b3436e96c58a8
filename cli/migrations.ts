import { compareGroups } from "../shared/migrations/apiserver-to-crds/compare-sides.ts";
import { compareRun } from "../shared/migrations/etcd-to-kubernetes/compare-sides.ts";
import type { CompareRun } from "./world.ts";

/** How both sides of a run are compared, by migration. */
export const COMPARISONS: Readonly<Record<string, CompareRun>> = {
  "etcd-to-kubernetes": compareRun,
  "apiserver-to-crds": compareGroups,
};
