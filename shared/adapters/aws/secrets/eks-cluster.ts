import { z } from "zod";

/** An EKS cluster, reached with tokens that are signed when they are needed: nothing secret is stored. */
export const EksCluster = z.strictObject({
  clusterName: z.string().regex(/^[0-9A-Za-z][\w-]{0,99}$/, "is not the name of an EKS cluster"),
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d{1,2}$/, "is not an AWS region"),
  /** The URL of the API server. */
  endpoint: z.string().min(1),
  /** Base64 of the PEM of the cluster's authority. */
  certificateAuthorityData: z.string().min(1),
  /** The role that the cluster knows; the caller's own identity by default. */
  roleArn: z
    .string()
    .regex(/^arn:aws[\w-]*:iam::\d{12}:role\/[\w+=,.@/-]+$/, "is not the ARN of a role")
    .optional(),
});
export type EksCluster = z.infer<typeof EksCluster>;
