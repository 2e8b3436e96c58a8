import type { JsonObject } from "../../../shared/json.ts";
import { applyDefaults } from "../../../shared/calico/defaults.ts";
import { TIERED_KINDS } from "../../../shared/calico/kinds.ts";
import type { Draft } from "../../../shared/calico/node-references.ts";
import { readMetadata } from "../../../shared/calico/metadata.ts";
import { typesByRules } from "../../../shared/calico/policy-types.ts";
import { objectAt } from "../../../shared/kubernetes/fields.ts";
import { SERVED_VERSION, type ServedKind, STORED_VERSION } from "./kinds.ts";
import { shownMetadata, storedMetadata } from "./metadata.ts";

const TIER_LABEL = "projectcalico.org/tier";

/**
 * An object of crd.projectcalico.org/v1 as the aggregated API shows it: another UID, the v3 name, labels and annotations
 * out of the metadata annotation, and what Calico fills in on reading. Throws Unreadable.
 * (libcalico-go/lib/backend/k8s/resources, ConvertK8sResourceToCalicoResource; apiserver/pkg/storage/calico)
 */
export function shown(stored: JsonObject, served: ServedKind): JsonObject {
  const { spec, status } = stored;
  const object: JsonObject = {
    kind: served.kind,
    apiVersion: SERVED_VERSION,
    metadata: shownMetadata(stored, served),
    ...(spec === undefined ? {} : { spec: structuredClone(spec) }),
    ...(status === undefined ? {} : { status }),
  };
  return READ[served.kind]?.(object) ?? object;
}

/**
 * An object of the aggregated API as it is stored, with the defaults that Calico's client fills in when it writes.
 * Throws Refusal for what Calico or Kubernetes would refuse. (…, ConvertCalicoResourceToK8sResource)
 */
export function stored(object: JsonObject, served: ServedKind): JsonObject {
  const { labels, annotations, name, namespace } = readMetadata(object);
  const spec = structuredClone(objectAt(object, "spec"));
  const draft: Draft = { kind: served.info.kind, name, namespace, labels, annotations, spec };
  const { types } = spec;
  if (TIERED_KINDS.has(served.kind) && !(Array.isArray(types) && types.length > 0))
    spec["types"] = [...typesByRules(spec)];
  // Its default is the lock of a datastore that is being set up.
  if (served.kind !== "ClusterInformation") applyDefaults(draft);
  if (served.kind === "BlockAffinity") spec["deleted"] = spec["deleted"] === true ? "true" : "false";
  const metadata = { ...objectAt(object, "metadata"), labels: { ...draft.labels } };
  return {
    kind: served.storedKind,
    apiVersion: STORED_VERSION,
    metadata: storedMetadata({ ...object, metadata }, served),
    spec,
  };
}

const READ: Readonly<Record<string, (object: JsonObject) => JsonObject>> = {
  Tier: (object) =>
    withSpec(object, { order: 1_000_000, defaultAction: "Deny", ...objectAt(object, "spec") }),
  BlockAffinity: (object) => {
    const spec = objectAt(object, "spec");
    return withSpec(object, { ...spec, deleted: spec["deleted"] === "true" });
  },
  GlobalNetworkPolicy: inItsTier,
  NetworkPolicy: inItsTier,
  StagedGlobalNetworkPolicy: inItsTier,
  StagedNetworkPolicy: inItsTier,
};

function inItsTier(object: JsonObject): JsonObject {
  const spec = objectAt(object, "spec");
  const tier = typeof spec["tier"] === "string" && spec["tier"] !== "" ? spec["tier"] : "default";
  const metadata = objectAt(object, "metadata");
  const labels = { ...objectAt(metadata, "labels"), [TIER_LABEL]: tier };
  return { ...object, metadata: { ...metadata, labels }, spec: { ...spec, tier } };
}

function withSpec(object: JsonObject, spec: JsonObject): JsonObject {
  return { ...object, spec };
}
