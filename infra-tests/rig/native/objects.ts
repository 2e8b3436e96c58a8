import type { Carried } from "../../../shared/calico/forwarded.ts";
import { forward } from "../../../shared/calico/forward.ts";
import { unlockedClusterInformation } from "../../../shared/calico/lock.ts";
import { METADATA_ANNOTATION } from "../../../shared/calico/metadata.ts";
import { NodeNames } from "../../../shared/calico/node-names.ts";
import type { TargetRef } from "../../../shared/calico/target.ts";
import type { Json, JsonObject } from "../../../shared/json.ts";
import { objectAt, objectsAt, textAt } from "../../../shared/kubernetes/fields.ts";
import { ipamEntries } from "../../harness/seed/ipam.ts";
import { networkEntries } from "../../harness/seed/network.ts";
import type { SeedPlan } from "../../harness/seed/plan.ts";
import { policyEntries } from "../../harness/seed/policies.ts";
import { Random } from "../../harness/seed/random.ts";

/** An object of the old group, to be created. */
export interface OldObject {
  /** The kind as the old group names it. */
  kind: string;
  target: TargetRef;
  object: JsonObject;
  /** What its status is to be; for kinds whose status is a subresource. */
  status?: JsonObject;
}

const STORED = { targetGroup: "crd.projectcalico.org/v1", nodeNames: NodeNames.from([]) } as const;
const TIER_LABEL = "projectcalico.org/tier";
const POD_HANDLE = "k8s-pod-network.";

/** All objects of the old group but their owners, always the same for the same plan; each under a name of its own. */
export function* oldObjects(plan: SeedPlan): Generator<OldObject> {
  for (const source of [
    networkEntries(plan, { peerFilters: true }),
    policyEntries(plan),
    ipamEntries(plan),
  ]) {
    for (const { key, value } of source) {
      const carried = forward(key, value, STORED);
      if (carried.outcome !== "carry") throw new Error(`the seed's ${key} is not carried: ${carried.reason}`);
      // Nodes are the cluster's own.
      if (carried.kind !== "Node") yield aged(carried, value);
    }
  }
}

/** An object as history has left it in real clusters: by older versions, by hand, and by IPAM. */
function aged({ kind, target, object }: Carried, value: string): OldObject {
  const { status } = JSON.parse(value) as JsonObject;
  const old = { kind, target, object, ...(status === undefined ? {} : { status: status as JsonObject }) };
  return AGEING[kind]?.(old, new Random("aged", kind, target.namespace ?? "", target.name)) ?? old;
}

const AGEING: Readonly<Record<string, (old: OldObject, random: Random) => OldObject>> = {
  GlobalNetworkPolicy: agedPolicy,
  NetworkPolicy: agedPolicy,
  StagedGlobalNetworkPolicy: agedPolicy,
  StagedNetworkPolicy: agedPolicy,
  GlobalNetworkSet: agedSet,
  NetworkSet: agedSet,
  IPAMBlock: agedBlock,
  IPAMHandle: agedHandle,
  // A conversion gives a locked one.
  ClusterInformation: (old) => ({ ...old, object: unlockedClusterInformation(old.object) }),
};

/**
 * Half of the default tier's policies are stored with their tier in the name, as before 3.30; a few of all have neither
 * types nor the label of the tier.
 */
function agedPolicy(old: OldObject, random: Random): OldObject {
  const { object, target } = old;
  const { tier, types: _types, ...untyped } = objectAt(object, "spec");
  const spec = random.chance(0.06) ? { tier, ...untyped } : object["spec"];
  const bare = spec === object["spec"] ? object : withoutTierLabel({ ...object, spec });
  if (tier !== "default" || !random.chance(0.5)) return { ...old, object: bare };
  const name = `default.${target.name}`;
  const metadata = {
    ...objectAt(
      inAnnotation(bare, ({ name: _name, ...inner }) => inner),
      "metadata",
    ),
    name,
  };
  return { ...old, target: { ...target, name }, object: { ...bare, metadata } };
}

function withoutTierLabel(object: JsonObject): JsonObject {
  const drop = (labels: JsonObject) => ({ ...labels, [TIER_LABEL]: undefined });
  const metadata = objectAt(object, "metadata");
  const outer = { ...object, metadata: { ...metadata, labels: drop(objectAt(metadata, "labels")) } };
  return inAnnotation(outer, (inner) => ({ ...inner, labels: drop(objectAt(inner, "labels")) }));
}

/** One set in ten was made by hand: without the annotation, its labels on the object itself. */
function agedSet(old: OldObject, random: Random): OldObject {
  if (!random.chance(0.1)) return old;
  const { name, namespace, annotations } = objectAt(old.object, "metadata");
  const inner = JSON.parse(textAt({ annotations }, "annotations", METADATA_ANNOTATION)) as JsonObject;
  return { ...old, object: { ...old.object, metadata: { name, namespace, labels: inner["labels"] } } };
}

function agedBlock(old: OldObject, random: Random): OldObject {
  const spec = objectAt(old.object, "spec");
  const attributes = objectsAt(spec, "attributes").map((attribute) => ({
    ...attribute,
    handle_id: agedHandleId(textAt(attribute, "handle_id")),
    ...(random.chance(0.05) ? { releasedAt: "2026-08-01T12:00:00Z" } : {}),
  }));
  return { ...old, object: { ...old.object, spec: { ...spec, attributes } } };
}

function agedHandle(old: OldObject): OldObject {
  const spec = objectAt(old.object, "spec");
  return {
    ...old,
    object: { ...old.object, spec: { ...spec, handleID: agedHandleId(textAt(spec, "handleID")) } },
  };
}

/** Some handle ids have upper-case letters, which the names of their objects cannot have. */
function agedHandleId(id: string): string {
  const upper = id.startsWith(POD_HANDLE) && new Random("upper", id).chance(0.03);
  return upper ? POD_HANDLE + id.slice(POD_HANDLE.length).toUpperCase() : id;
}

/** The object with a change to what its metadata annotation holds. */
export function inAnnotation(object: JsonObject, change: (inner: JsonObject) => JsonObject): JsonObject {
  const metadata = objectAt(object, "metadata");
  const annotations = objectAt(metadata, "annotations");
  const inner = JSON.parse(textAt(annotations, METADATA_ANNOTATION)) as JsonObject;
  const changed: Json = JSON.stringify(change(inner));
  return {
    ...object,
    metadata: { ...metadata, annotations: { ...annotations, [METADATA_ANNOTATION]: changed } },
  };
}
