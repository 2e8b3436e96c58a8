import type { JsonObject } from "../json.ts";
import { inServedVersion } from "./admission.ts";
import { waitEstablished } from "./crds.ts";
import { Discovery } from "./discovery.ts";
import { textAt } from "./fields.ts";
import { resourcePath } from "./paths.ts";
import type { CallOptions, KubernetesApi, ObjectRef } from "./types.ts";

/** How to apply. */
interface ApplyOptions extends CallOptions {
  fieldManager: string;
  /** Take over fields that another manager owns instead of failing with KUBERNETES_CONFLICT. */
  force?: boolean | undefined;
  /** For objects of namespaced kinds that name none. Default `default`. */
  namespace?: string | undefined;
  /** Ask the server to judge without writing. Kinds whose definition is among the objects cannot be judged before it exists. */
  dryRun?: boolean | undefined;
  /** Milliseconds that CustomResourceDefinitions may take to be established. Default 60,000. */
  establishMs?: number | undefined;
}

/** One object after it was applied. */
export interface AppliedObject {
  ref: ObjectRef;
  kind: string;
  /** True when this call created it. */
  created: boolean;
  object: JsonObject;
}

const crdKind = "CustomResourceDefinition";

/** Ranks of kinds: what others need comes first. What is in no list, custom resources above all, comes before workloads. */
const ranks: readonly (readonly string[])[] = [
  [crdKind],
  ["Namespace"],
  ["ServiceAccount", "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"],
  [
    "ConfigMap",
    "Secret",
    "PriorityClass",
    "ResourceQuota",
    "LimitRange",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "Service",
    "PodDisruptionBudget",
  ],
  [],
  ["DaemonSet", "Deployment", "StatefulSet", "ReplicaSet", "Job", "CronJob", "Pod"],
  [
    "APIService",
    "MutatingWebhookConfiguration",
    "ValidatingWebhookConfiguration",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
  ],
];
const otherRank = ranks.findIndex((kinds) => kinds.length === 0);

function rank(object: JsonObject): number {
  const found = ranks.findIndex((kinds) => kinds.includes(textAt(object, "kind")));
  return found < 0 ? otherRank : found;
}

/**
 * The objects in an order in which each finds what it needs: definitions, namespaces, RBAC, configuration, custom
 * resources, workloads, and last what intercepts requests. Within a rank the given order stays.
 */
export function applyOrder(objects: readonly JsonObject[]): JsonObject[] {
  return [...objects].sort((a, b) => rank(a) - rank(b));
}

/**
 * Applies the objects by server-side apply, one after the other in `applyOrder`, and waits for CustomResourceDefinitions
 * among them to be established before it goes on. Admission policies are applied in the API version that is served. Repeating
 * it is harmless. Throws what `request` throws, naming the object; KUBERNETES_KIND_UNKNOWN; KUBERNETES_CRDS_NOT_ESTABLISHED.
 */
export async function applyManifests(
  api: KubernetesApi,
  objects: readonly JsonObject[],
  options: ApplyOptions,
): Promise<AppliedObject[]> {
  const discovery = new Discovery(api);
  const ordered = applyOrder(objects);
  const definitions = ordered.filter((object) => textAt(object, "kind") === crdKind);
  const applied: AppliedObject[] = [];
  for (const [index, object] of ordered.entries()) {
    if (index === definitions.length) await establish(api, definitions, options);
    applied.push(await applyOne(api, discovery, object, options));
  }
  if (definitions.length === ordered.length) await establish(api, definitions, options);
  return applied;
}

async function establish(
  api: KubernetesApi,
  definitions: readonly JsonObject[],
  { signal, timeoutMs, establishMs, dryRun }: ApplyOptions,
): Promise<void> {
  if (definitions.length === 0 || dryRun === true) return;
  const names = definitions.map((definition) => textAt(definition, "metadata", "name"));
  await waitEstablished(api, names, { signal, timeoutMs, deadlineMs: establishMs });
}

async function applyOne(
  api: KubernetesApi,
  discovery: Discovery,
  given: JsonObject,
  options: ApplyOptions,
): Promise<AppliedObject> {
  const { signal, timeoutMs, fieldManager, force, dryRun } = options;
  const object = await inServedVersion(discovery, given, { signal, timeoutMs });
  const kind = textAt(object, "kind");
  const ref = await objectRef(discovery, object, options);
  // request rather than patch, because only the status tells whether the object was created.
  const { status, body } = await api.request({
    method: "PATCH",
    path: resourcePath(ref),
    query: { fieldManager, force, dryRun: dryRun === true ? "All" : undefined },
    body: object,
    contentType: "application/apply-patch+yaml",
    signal,
    timeoutMs,
  });
  return { ref, kind, created: status === 201, object: body };
}

async function objectRef(
  discovery: Discovery,
  object: JsonObject,
  { signal, timeoutMs, namespace = "default" }: ApplyOptions,
): Promise<ObjectRef> {
  const apiVersion = textAt(object, "apiVersion");
  const type = await discovery.resource(apiVersion, textAt(object, "kind"), { signal, timeoutMs });
  const name = textAt(object, "metadata", "name");
  if (!type.namespaced) return { apiVersion, plural: type.plural, name };
  return {
    apiVersion,
    plural: type.plural,
    namespace: textAt(object, "metadata", "namespace") || namespace,
    name,
  };
}
