import { isJsonObject, type Json, type JsonObject } from "../json.ts";
import { applyDefaults } from "./defaults.ts";
import { calicoOf, type ForwardContext, Refusal, invalid } from "./forwarded.ts";
import type { ResourceKey } from "./keys.ts";
import { type KindInfo, kindInfo } from "./kinds.ts";
import { LOCK_ANNOTATION } from "./lock-annotation.ts";
import { METADATA_ANNOTATION, type V3Metadata, isCalicoOwner, writeMetadata } from "./metadata.ts";
import { DEFAULT_TIER, policyName, tierOf } from "./names.ts";
import { type Draft, translateNodes } from "./node-references.ts";
import { listAt, objectAt, parseStoredObject, textAt, textsAt } from "./stored-value.ts";
import { type TargetObject, type TargetRef, targetRef } from "./target.ts";
import { shownPolicyName, storedPolicyName } from "./versions/policy-names.ts";
import type { VersionRules } from "./versions/rules.ts";

/** The object that a stored value becomes, before it is judged by its name. */
export interface Converted {
  readonly info: KindInfo;
  readonly target: TargetRef;
  readonly object: TargetObject;
  readonly losses: readonly string[];
}

/** A v3 resource as it is stored. */
export interface StoredResource {
  readonly metadata: JsonObject;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly spec: JsonObject;
  readonly value: JsonObject;
}

/** Reads a v3 resource and refuses one that does not belong under its key. */
export function parseResourceValue(key: ResourceKey, text: string): StoredResource {
  const value = parseStoredObject(text);
  requireSame("kind", value.kind, key.kind);
  requireSame("apiVersion", value.apiVersion, "projectcalico.org/v3");
  const metadata = objectAt(value.metadata, "metadata");
  requireSame(
    "metadata.namespace",
    metadata.namespace === "" ? undefined : metadata.namespace,
    key.namespace,
  );
  return {
    metadata,
    labels: textsAt(metadata.labels, "metadata.labels"),
    annotations: textsAt(metadata.annotations, "metadata.annotations"),
    spec: objectAt(value.spec, "spec"),
    value,
  };
}

/** A member that is absent is as good as the right one: Calico goes by the key. */
function requireSame(path: string, value: Json | undefined, expected: string | undefined): void {
  if (value !== undefined && value !== expected) {
    throw invalid(
      "VALUE_NOT_OF_KEY",
      `${path} is not ${expected === undefined ? "absent" : `"${expected}"`}, as the key says`,
    );
  }
}

/** The v3 name: what the metadata annotation stores (versions 3.30 and later), else the stored name by a policy's rule. */
function v3Name(key: ResourceKey, info: KindInfo, stored: StoredResource): string {
  const tier = info.tiered ? textAt(stored.spec.tier, "spec.tier") : undefined;
  const rename = (name: string): string => (info.tiered ? policyName(name, tier) : name);
  const name = rename(key.name);
  const written = textAt(stored.metadata.name, "metadata.name");
  requireSame("metadata.name", written === undefined ? undefined : rename(written), name);
  return (info.tiered ? annotatedName(stored.annotations[METADATA_ANNOTATION]) : undefined) ?? name;
}

function annotatedName(annotation: string | undefined): string | undefined {
  if (annotation === undefined || annotation === "") return undefined;
  try {
    const metadata: unknown = JSON.parse(annotation);
    const name = isJsonObject(metadata) ? metadata.name : undefined;
    return typeof name === "string" && name !== "" ? name : undefined;
  } catch {
    throw invalid("VALUE_INVALID", `the annotation ${METADATA_ANNOTATION} is not valid JSON`);
  }
}

const NOT_KEPT = new Set([METADATA_ANNOTATION, LOCK_ANNOTATION]);

function keptAnnotations(annotations: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (!Object.keys(annotations).some((key) => NOT_KEPT.has(key))) return annotations;
  return Object.fromEntries(Object.entries(annotations).filter(([key]) => !NOT_KEPT.has(key)));
}

/** Kubernetes would delete what belongs to an owner whose UID is no more, so Calico's own owners stay behind. */
function ownership(
  metadata: JsonObject,
): Pick<V3Metadata, "ownerReferences" | "finalizers"> & { losses: string[] } {
  const owners = Array.isArray(metadata.ownerReferences) ? metadata.ownerReferences : [];
  const kept = owners.filter((owner) => !isCalicoOwner(owner));
  return {
    ownerReferences: kept,
    finalizers: Array.isArray(metadata.finalizers) ? metadata.finalizers : [],
    losses:
      kept.length === owners.length
        ? []
        : ["metadata.ownerReferences: owners that Calico stores change their UID"],
  };
}

/** Converts a v3 resource to the custom resource of the target group. Refuses what cannot be converted. */
export function forwardResource(key: ResourceKey, text: string, context: ForwardContext): Converted {
  const info = kindInfo(key.kind);
  const stored = parseResourceValue(key, text);
  const { rules } = calicoOf(context);
  refuseUncarriable(key, info, stored.spec);
  refuseLeaving(key, stored.metadata);
  refuseTier(key, info, stored.spec, rules);
  const draft: Draft = {
    kind: info.kind,
    name: v3Name(key, info, stored),
    labels: stored.labels,
    annotations: keptAnnotations(stored.annotations),
    spec: stored.spec,
  };
  applyDefaults(draft, rules);
  translateNodes(draft, (node) => context.nodeNames.toKubernetes(node));
  const { losses, ...owned } = ownership(stored.metadata);
  const creationTimestamp = textAt(stored.metadata.creationTimestamp, "metadata.creationTimestamp");
  const { labels, annotations } = draft;
  const metadata: V3Metadata = {
    ...targetNames(info, draft, rules),
    namespace: key.namespace,
    labels,
    annotations,
    creationTimestamp,
    ...owned,
  };
  return { ...resourceObject(info, metadata, draft.spec, context), losses };
}

/** What the target's Calico calls a resource, and the name of the object that it keeps it in. */
function targetNames(
  info: KindInfo,
  { name, spec }: Draft,
  rules: VersionRules,
): Pick<V3Metadata, "name" | "objectName"> {
  if (!info.tiered) return { name };
  const objectName = storedPolicyName(rules, name, tierOf(spec));
  return { name: shownPolicyName(rules, name, objectName), objectName };
}

function resourceObject(
  info: KindInfo,
  metadata: V3Metadata,
  spec: JsonObject,
  context: ForwardContext,
): Omit<Converted, "losses"> {
  const { targetGroup: group } = context;
  const { labels, namedKinds } = calicoOf(context).rules;
  const target = targetRef(info, group, metadata.objectName ?? metadata.name, metadata.namespace);
  const object = {
    apiVersion: target.apiVersion,
    kind: target.kind,
    metadata: writeMetadata(metadata, { group, labels, storesName: namedKinds.includes(info.kind) }),
    spec,
  };
  return { info, target, object };
}

/** Kinds that have no object of their own in the Kubernetes datastore: derived when Kubernetes knows them, else lost. */
function refuseUncarriable(key: ResourceKey, info: KindInfo, spec: JsonObject): void {
  if (info.etcd === "ipam") {
    throw uncarriable(
      key,
      "IPAM_RESOURCE_UNUSED",
      `IPAM with etcd does not read ${info.kind} resources, only its own keys`,
    );
  }
  if (info.group !== "none") return;
  const reason = info.carried === true ? "" : info.carried;
  if (info.kind === "Profile") throw uncarriable(key, "PROFILE_NOT_DERIVED", reason);
  if (orchestrator(info.kind, spec) === "k8s") throw new Refusal({ outcome: "derived", reason });
  throw uncarriable(
    key,
    `${info.kind === "WorkloadEndpoint" ? "WORKLOAD_ENDPOINT" : "LIVE_MIGRATION"}_NOT_DERIVED`,
    reason,
  );
}

/**
 * Calico's API server notes a deletion that finalizers hold in the value, as calicoctl does with metadata that it is given. No copy
 * can be made as one that is being deleted, and one that lives would outlive it: whoever holds it works on etcd.
 */
function refuseLeaving(key: ResourceKey, metadata: JsonObject): void {
  const since = textAt(metadata.deletionTimestamp, "metadata.deletionTimestamp");
  if (since === undefined || since === "") return;
  const finalizers = listAt(metadata.finalizers, "metadata.finalizers").filter(
    (one) => typeof one === "string",
  );
  const held = finalizers.length === 0 ? "" : `, and held by ${finalizers.join(", ")}`;
  const reason = `it is being deleted since ${since}${held}; whoever wants it kept takes metadata.deletionTimestamp off in etcd`;
  throw uncarriable(key, "BEING_DELETED", reason);
}

/** Without tiers, a policy of another tier than the default one would be enforced among all others, in another order. */
function refuseTier(key: ResourceKey, info: KindInfo, spec: JsonObject, { tiers }: VersionRules): void {
  if (!info.tiered || tiers || tierOf(spec) === DEFAULT_TIER) return;
  const reason = `it belongs to the tier "${tierOf(spec)}", and the target's Calico has no tiers`;
  throw uncarriable(key, "TIER_UNKNOWN", reason);
}

function orchestrator(kind: string, spec: JsonObject): Json | undefined {
  if (kind === "WorkloadEndpoint") return spec.orchestrator;
  const source = isJsonObject(spec.source) && isJsonObject(spec.source.workload) ? spec.source.workload : {};
  return source.orchestratorID;
}

function uncarriable(key: ResourceKey, code: string, reason: string): Refusal {
  const name = key.namespace === undefined ? key.name : `${key.namespace}/${key.name}`;
  return new Refusal({ outcome: "uncarriable", code, reason, kind: key.kind, name });
}
