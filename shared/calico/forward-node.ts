import type { Json, JsonObject } from "../json.ts";
import { type ForwardContext, Refusal, invalid } from "./forwarded.ts";
import { type Converted, parseResourceValue } from "./forward-resource.ts";
import type { ResourceKey } from "./keys.ts";
import { kindInfo } from "./kinds.ts";
import { sortedTexts } from "./metadata.ts";
import {
  ANNOTATIONS_ANNOTATION,
  AS_NUMBER_ANNOTATION,
  INTERFACES_ANNOTATION,
  KUBE_LABELS_ANNOTATION,
  LABELS_ANNOTATION,
  NODE_FIELDS,
} from "./node-annotations.ts";
import { type OrchRef, kubernetesNodeName } from "./node-names.ts";
import { listAt, objectAt, parseStoredObject, textAt } from "./stored-value.ts";
import { targetRef } from "./target.ts";

function orchRefs(spec: JsonObject): OrchRef[] {
  return listAt(spec.orchRefs, "spec.orchRefs").map((item, index) => {
    const ref = objectAt(item, `spec.orchRefs[${index}]`);
    return {
      nodeName: textAt(ref.nodeName, `spec.orchRefs[${index}].nodeName`),
      orchestrator: textAt(ref.orchestrator, `spec.orchRefs[${index}].orchestrator`),
    };
  });
}

/** The number in decimal, from a number or from a text with or without a dot ("64512", "1.10"). */
function asNumber(value: Json | undefined): string | null {
  if (value === undefined) return null;
  const [high = "", low, ...rest] = (
    typeof value === "string" || typeof value === "number" ? String(value) : ""
  ).split(".");
  const limit = low === undefined ? 2 ** 32 : 2 ** 16;
  const parts = low === undefined ? [high] : [high, low];
  if (rest.length > 0 || !parts.every((part) => /^\d{1,10}$/.test(part) && Number(part) < limit)) {
    throw invalid("VALUE_INVALID", "spec.bgp.asNumber is not an AS number");
  }
  return low === undefined ? String(Number(high)) : String(Number(high) * 2 ** 16 + Number(low));
}

/** The text at a path; null (so the annotation must be absent) for an absent or empty one. */
function fieldText(
  value: JsonObject,
  [member, ...rest]: readonly [string, ...string[]],
  path: string,
): string | null {
  const [next, ...others] = rest;
  if (next === undefined) {
    const text = textAt(value[member], path) ?? "";
    return text === "" ? null : text;
  }
  return fieldText(objectAt(value[member], path), [next, ...others], path);
}

type Texts = Readonly<Record<string, string>>;

/** Labels without those that kube-controllers copied from the Kubernetes Node. (…/k8s/resources, restoreCalicoLabels) */
function ownLabels(labels: Texts, annotations: Texts): Texts {
  const copied = annotations[KUBE_LABELS_ANNOTATION];
  if (copied === undefined || copied === "") return labels;
  const inherited = parseStoredObject(copied);
  return Object.fromEntries(Object.entries(labels).filter(([key]) => inherited[key] === undefined));
}

function withoutKubeLabels({ [KUBE_LABELS_ANNOTATION]: _copied, ...annotations }: Texts): Texts {
  return annotations;
}

function textsJson(texts: Texts): string | null {
  return Object.keys(texts).length === 0 ? null : JSON.stringify(sortedTexts(texts));
}

/** An empty list stays one: Calico writes the annotation whenever the list is there. */
function interfacesJson(spec: JsonObject): string | null {
  return spec.interfaces === undefined ? null : JSON.stringify(listAt(spec.interfaces, "spec.interfaces"));
}

function targetName(key: ResourceKey, spec: JsonObject, { nodeNames }: ForwardContext): string {
  const name = nodeNames.isMapped(key.name)
    ? nodeNames.toKubernetes(key.name)
    : kubernetesNodeName(orchRefs(spec));
  if (name !== undefined) return name;
  throw new Refusal({
    outcome: "uncarriable",
    code: "NODE_UNMAPPED",
    reason:
      "the node refers to no Kubernetes node (spec.orchRefs), so the Kubernetes datastore has no place for it",
    kind: key.kind,
    name: key.name,
  });
}

/**
 * The annotations that the core Node must have (a text) or must not have (null) to hold what etcd's Node holds.
 * spec.addresses and status.podCIDRs are read from the Kubernetes Node itself and are not carried.
 */
export function forwardNode(key: ResourceKey, text: string, context: ForwardContext): Converted {
  const { labels, annotations, spec, value } = parseResourceValue(key, text);
  const info = kindInfo(key.kind);
  const target = targetRef(info, context.targetGroup, targetName(key, spec, context));
  const fields = NODE_FIELDS.map(
    ([annotation, path]) => [annotation, fieldText(value, path, path.join("."))] as const,
  );
  const managed: Record<string, string | null> = {
    ...Object.fromEntries(fields),
    [AS_NUMBER_ANNOTATION]: asNumber(objectAt(spec.bgp, "spec.bgp").asNumber),
    [INTERFACES_ANNOTATION]: interfacesJson(spec),
    [LABELS_ANNOTATION]: textsJson(ownLabels(labels, annotations)),
    [ANNOTATIONS_ANNOTATION]: textsJson(withoutKubeLabels(annotations)),
  };
  const metadata = { name: target.name, annotations: managed };
  return { info, target, object: { apiVersion: "v1", kind: "Node", metadata }, losses: [] };
}
