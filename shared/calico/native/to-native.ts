import { isJsonObject, type JsonObject } from "../../json.ts";
import { invalid, Refusal } from "../forwarded.ts";
import { writeMetadata } from "../metadata.ts";
import { policyName } from "../names.ts";
import { objectAt, textAt } from "../stored-value.ts";
import { refuseName, type TargetObject, type TargetRef } from "../target.ts";
import { type NativeKind, nativeKindOf } from "./native-kinds.ts";
import { IPAM_RULES } from "./native-ipam.ts";
import { defaulted } from "./native-policy.ts";
import type { OwnerReference } from "./owner-references.ts";
import { type ShownMetadata, shownMetadata } from "./v1-metadata.ts";

/** The native object that a v1 object becomes. */
export interface CarriedNative {
  readonly outcome: "carry";
  /** As projectcalico.org/v3 names it. */
  readonly kind: string;
  /** Where the object belongs, in projectcalico.org/v3. */
  readonly target: TargetRef;
  /** Ready to be created: without UID and status, and without its Calico owners, which have no native UID yet. */
  readonly object: TargetObject;
  /** To be written through the status subresource once the object is there; left out where there is none. */
  readonly status?: JsonObject;
  /** The UID under which the aggregated API shows the v1 object. */
  readonly uid: string;
  /** The owners that Calico stores, as the aggregated API shows them: their UIDs are like `uid`. */
  readonly calicoOwners: readonly OwnerReference[];
  /** What the native object says so that it is enforced as before, and upstream's copy would not, as clauses for people. */
  readonly changes?: readonly string[];
}

/** A v1 object that Calico cannot decode or that Kubernetes would refuse: a person has to put it right. */
export interface BrokenV1 {
  readonly outcome: "broken";
  readonly code: string;
  /** Names the member, never its content. */
  readonly reason: string;
}

/** What becomes of a v1 object. */
export type Native = CarriedNative | BrokenV1;

/**
 * Says what becomes of an object of crd.projectcalico.org/v1, as read from the Kubernetes API, in projectcalico.org/v3:
 * what the aggregated API shows, completed so that the copy does not depend on Calico's admission policies, and is
 * enforced as the v1 object is. Total, and leaves the given object as it is.
 */
export function toNative(v1: JsonObject): Native {
  try {
    return convert(v1, kindOf(v1));
  } catch (error) {
    if (!(error instanceof Refusal) || error.outcome.outcome !== "invalid") throw error;
    const { code, reason } = error.outcome;
    return { outcome: "broken", code, reason };
  }
}

function kindOf({ apiVersion, kind }: JsonObject): NativeKind {
  const found =
    apiVersion === "crd.projectcalico.org/v1" && typeof kind === "string" ? nativeKindOf(kind) : undefined;
  if (found !== undefined) return found;
  throw invalid("KIND_NOT_CONVERTED", "it is not of a kind that moves to projectcalico.org/v3");
}

function convert(v1: JsonObject, info: NativeKind): CarriedNative {
  const shown = shownMetadata(v1);
  const spec = withoutNulls(objectAt(v1.spec ?? undefined, "spec"));
  const ruled = IPAM_RULES[info.kind]?.(spec) ?? { spec };
  const filled = defaulted(info.kind, { labels: shown.labels, spec: ruled.spec });
  const target = targetOf(info, shown, ruled.name ?? shownName(info, shown, spec));
  refuseName(target);
  const status = info.statusSubresource ? statusOf(v1) : undefined;
  return {
    outcome: "carry",
    kind: info.kind,
    target,
    object: objectOf(target, { ...shown, labels: filled.labels }, filled.spec),
    ...(status === undefined ? {} : { status }),
    uid: shown.uid,
    calicoOwners: shown.calicoOwners,
    ...(filled.changes.length === 0 ? {} : { changes: filled.changes }),
  };
}

/** The API server takes null for absent. */
function withoutNulls(object: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(object).filter(([, member]) => member !== null && member !== undefined),
  );
}

/**
 * The stored name; else policies of the default tier lose the prefix `default.`, but only where Calico wrote the metadata
 * annotation: the aggregated API shows other policies under the name they have.
 */
function shownName(info: NativeKind, shown: ShownMetadata, spec: JsonObject): string {
  if (shown.storedName !== undefined) return shown.storedName;
  if (!info.tiered || !shown.hasAnnotation) return shown.objectName;
  return policyName(shown.objectName, textAt(spec.tier, "spec.tier"));
}

function targetOf(info: NativeKind, { namespace }: ShownMetadata, name: string): TargetRef {
  const target = { kind: info.kind, plural: info.plural, apiVersion: "projectcalico.org/v3", name };
  return info.namespaced ? { ...target, namespace: namespace ?? "" } : target;
}

function objectOf(
  { apiVersion, kind, name, namespace }: TargetRef,
  { labels, annotations, finalizers, otherOwners }: ShownMetadata,
  spec: JsonObject,
): TargetObject {
  const metadata = { name, namespace, labels, annotations, finalizers, ownerReferences: otherOwners };
  return {
    apiVersion,
    kind,
    metadata: writeMetadata(metadata, { group: "projectcalico.org/v3", storesName: false }),
    spec,
  };
}

function statusOf({ status }: JsonObject): JsonObject | undefined {
  return isJsonObject(status) && Object.keys(status).length > 0 ? status : undefined;
}
