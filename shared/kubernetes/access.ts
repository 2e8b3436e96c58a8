import { isJsonObject } from "../json.ts";
import { AdaptiveLimiter, mapLimited } from "./limiter.ts";
import type { CallOptions, KubernetesApi } from "./types.ts";

/** One thing that a user must be allowed to do. */
export interface AccessRule {
  /** Empty for the core group. */
  group: string;
  resource: string;
  subresource?: string | undefined;
  /** `get`, `list`, `create`, `update`, `patch`, `delete`, … */
  verb: string;
  /** Left out: in all namespaces. */
  namespace?: string | undefined;
  /** Left out: on every object of the resource. */
  name?: string | undefined;
}

/** A rule that the cluster denies. */
export interface DeniedAccess extends AccessRule {
  /** What the authoriser says, often nothing. */
  reason: string;
}

const reviews = { apiVersion: "authorization.k8s.io/v1", plural: "selfsubjectaccessreviews" };

/** Asks the cluster, by a SelfSubjectAccessReview for each rule, and gives the denied ones in the order of the rules. */
export async function checkAccess(
  api: KubernetesApi,
  rules: readonly AccessRule[],
  options: CallOptions = {},
): Promise<DeniedAccess[]> {
  const limiter = new AdaptiveLimiter({ start: 8, max: 8 });
  const answers = await mapLimited(rules, limiter, (rule) => review(api, rule, options), options.signal);
  return answers.filter((answer) => answer !== undefined);
}

async function review(
  api: KubernetesApi,
  rule: AccessRule,
  options: CallOptions,
): Promise<DeniedAccess | undefined> {
  const object = {
    apiVersion: reviews.apiVersion,
    kind: "SelfSubjectAccessReview",
    spec: { resourceAttributes: { ...rule } },
  };
  const { status } = await api.create(reviews, object, options);
  if (isJsonObject(status) && status["allowed"] === true) return undefined;
  const reason = isJsonObject(status) ? (status["reason"] ?? status["evaluationError"]) : undefined;
  return { ...rule, reason: typeof reason === "string" ? reason : "" };
}
