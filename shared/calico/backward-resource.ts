import type { Json, JsonObject } from "../json.ts";
import type { Restored } from "./backward-ipam.ts";
import { TIER_LABEL } from "./defaults.ts";
import { Refusal } from "./forwarded.ts";
import { kindInfo } from "./kinds.ts";
import { LOCK_ANNOTATION } from "./lock-annotation.ts";
import { v3NameOf } from "./meaning.ts";
import { METADATA_ANNOTATION, isCalicoOwner, readMetadata, sortedTexts } from "./metadata.ts";
import { DEFAULT_TIER, tierOf } from "./names.ts";
import { type Draft, type Translate, translateNodes } from "./node-references.ts";
import { objectAt, textAt, textsAt } from "./stored-value.ts";
import { convertUid } from "./uid.ts";
import { storedPolicyName } from "./versions/policy-names.ts";
import { NEWEST_RULES, rulesOf, type VersionRules } from "./versions/rules.ts";
import type { CalicoVersion } from "./versions/version.ts";

/** Annotations that only have a meaning in etcd, or that only the lock may change. */
const ETCD_ONLY = [METADATA_ANNOTATION, LOCK_ANNOTATION];

function keptAnnotations(
  annotations: Readonly<Record<string, string>>,
  old: JsonObject,
): Record<string, string> {
  const stored = textsAt(old.annotations, "metadata.annotations");
  const others = Object.entries(annotations).filter(([key]) => !ETCD_ONLY.includes(key));
  const kept = ETCD_ONLY.flatMap((key) => {
    const text = stored[key] ?? (key === METADATA_ANNOTATION ? annotations[key] : undefined);
    return text === undefined ? [] : [[key, text] as const];
  });
  return sortedTexts(Object.fromEntries([...others, ...kept]));
}

/** The datastore's lock and its types are each side's own. */
function restoreClusterInformation(spec: JsonObject, old: JsonObject | undefined): void {
  const types = (textAt(spec.clusterType, "spec.clusterType") ?? "")
    .split(",")
    .filter((type) => type !== "kdd");
  const ready = old?.datastoreReady ?? false;
  Object.assign(spec, {
    clusterType: textAt(old?.clusterType, "spec.clusterType") ?? types.join(","),
    datastoreReady: ready,
  });
}

/** The UID that Calico shows for the object; etcd stores it. */
function v3Uid(object: JsonObject): string | undefined {
  const uid = textAt(objectAt(object.metadata, "metadata").uid, "metadata.uid");
  return uid !== undefined && object.apiVersion === "crd.projectcalico.org/v1" ? convertUid(uid) : uid;
}

function present(members: Readonly<Record<string, Json | undefined>>): JsonObject {
  const isEmpty = (value: Json | undefined): boolean =>
    value === undefined || (typeof value === "object" && value !== null && Object.keys(value).length === 0);
  return Object.fromEntries(Object.entries(members).filter(([, value]) => !isEmpty(value)));
}

/** What a policy is in a Calico with other rules: its stored name, and, without tiers, nothing of them. */
function restorePolicy(draft: Draft, old: JsonObject, rules: VersionRules): void {
  const v3Name = draft.name;
  const tier = tierOf(draft.spec);
  draft.name = storedPolicyName(rules, v3Name, tier);
  if (draft.name !== v3Name && rules.namedKinds.includes(draft.kind)) {
    draft.annotations = { ...draft.annotations, [METADATA_ANNOTATION]: JSON.stringify({ name: v3Name }) };
  }
  if (rules.tiers) return;
  if (tier !== DEFAULT_TIER) {
    const reason = `it belongs to the tier "${tier}", and the Calico that uses etcd has no tiers`;
    throw new Refusal({ outcome: "uncarriable", code: "TIER_UNKNOWN", reason, kind: draft.kind });
  }
  Reflect.deleteProperty(draft.spec, "tier");
  const { [TIER_LABEL]: _tier, ...labels } = draft.labels;
  const stored = textsAt(old.labels, "metadata.labels")[TIER_LABEL];
  draft.labels = stored === undefined ? labels : { ...labels, [TIER_LABEL]: stored };
}

/**
 * A custom resource back to a v3 resource; uses up `object` and `existing`. A new one is stored under the name that the
 * Calico of etcd gives it; one that etcd has keeps its stored name, UID, creation time, owners and status.
 */
export function restoreResource(
  object: JsonObject,
  kind: string,
  existing: JsonObject | undefined,
  { translate, etcdVersion }: { translate: Translate; etcdVersion?: CalicoVersion | undefined },
): Restored {
  const metadata = readMetadata(object);
  const old = objectAt(existing?.metadata, "metadata");
  const spec = objectAt(object.spec, "spec");
  const oldSpec = existing === undefined ? undefined : objectAt(existing.spec, "spec");
  if (kind === "ClusterInformation") restoreClusterInformation(spec, oldSpec);
  const { labels, namespace, creationTimestamp } = metadata;
  const draft: Draft = {
    kind,
    name: v3NameOf(object),
    namespace,
    labels,
    annotations: metadata.annotations,
    spec,
  };
  translateNodes(draft, translate);
  const rules = etcdVersion === undefined ? NEWEST_RULES : rulesOf(etcdVersion);
  if (kindInfo(kind).tiered) restorePolicy(draft, old, rules);
  const restored = present({
    ...old,
    name: textAt(old.name, "metadata.name") ?? draft.name,
    namespace,
    uid: old.uid ?? v3Uid(object),
    creationTimestamp: old.creationTimestamp ?? creationTimestamp,
    labels: sortedTexts(draft.labels),
    annotations: keptAnnotations(draft.annotations, old),
    ownerReferences: owners([...metadata.ownerReferences], old),
    finalizers: [...metadata.finalizers],
  });
  const value = { kind, apiVersion: "projectcalico.org/v3", ...existing, metadata: restored, spec };
  return {
    data: { type: "resource", kind, ...(namespace === undefined ? {} : { namespace }), name: draft.name },
    value,
  };
}

/** Owners that only etcd knows (see forward: they are not carried) come back with the rest. */
function owners(current: Json[], old: JsonObject): Json[] {
  const stored = Array.isArray(old.ownerReferences) ? old.ownerReferences : [];
  const calicoOwners = stored.filter((owner) => isCalicoOwner(owner));
  return [...calicoOwners, ...current.filter((owner) => !isCalicoOwner(owner))];
}
