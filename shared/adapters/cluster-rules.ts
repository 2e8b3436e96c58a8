import { z } from "zod";
import { ClusterInvalidError } from "./cluster-errors.ts";

/** What every registry keeps of a cluster, whatever else it keeps. */
export const CLUSTER_FIELDS = {
  // A context's name often serves as the cluster's, and may be an ARN or `user@cluster`.
  name: z
    .string()
    .regex(/^[\w.@:/-]{1,253}$/, "may have letters, digits and . _ - @ : / only, at most 253 of them"),
  labels: z.record(z.string(), z.string()).optional(),
};

/** Throws ClusterInvalidError, naming the first field that the schema does not take. */
export function checkCluster(schema: z.ZodType, cluster: unknown): void {
  const issue = schema.safeParse(cluster).error?.issues[0];
  if (issue === undefined) return;
  throw new ClusterInvalidError(issue.path.join(".") || "it", `is invalid: ${issue.message}`);
}
