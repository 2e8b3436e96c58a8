import { hash } from "node:crypto";
import { kindByPlural } from "../../../calico/kinds.ts";
import { meaning, meaningHash } from "../../../calico/meaning.ts";
import { canonicalJson, type JsonObject } from "../../../json.ts";
import { objectAt, objectsAt, textAt } from "../../../kubernetes/fields.ts";
import type { ObjectRef } from "../../../kubernetes/types.ts";
import type { ObjectLine } from "./lines.ts";
import type { Item, ItemRank } from "./side.ts";

const CALICO_GROUP = /^(crd\.)?projectcalico\.org\//;

/** True for Calico's own custom resources. */
export function isCalico({ apiVersion }: { apiVersion: string }): boolean {
  return CALICO_GROUP.test(apiVersion);
}

/** The item of an object; undefined for what has a stage of its own, and for workloads that an operator keeps. */
export function objectItem(line: ObjectLine): Item<ObjectLine> | undefined {
  const placed = placeOf(line);
  if (placed === undefined) return undefined;
  const kind = textAt(line.object, "kind") || line.ref.plural;
  return { key: keyOf(refOf(line)), kind, line, ...placed };
}

/** Where the object of a line is. */
export function refOf({ ref, object }: ObjectLine): ObjectRef {
  const namespace = textAt(object, "metadata", "namespace");
  const name = textAt(object, "metadata", "name");
  const { apiVersion, plural } = ref;
  return namespace === "" ? { apiVersion, plural, name } : { apiVersion, plural, namespace, name };
}

/** Names an object within its cluster: `crd.projectcalico.org/v1/networkpolicies/shop/web`, an empty namespace for those without. */
export function keyOf({ apiVersion, plural, namespace = "", name }: ObjectRef): string {
  return `${apiVersion}/${plural}/${namespace}/${name}`;
}

/** A key for people: that of an object without a namespace names none. */
export function shownKey(key: string): string {
  return key.startsWith("/") ? key : key.replace("//", "/");
}

/** The place that a key names. */
export function refOfKey(key: string): ObjectRef {
  const parts = key.split("/");
  const [plural = "", namespace = "", name = ""] = parts.slice(-3);
  const ref = { apiVersion: parts.slice(0, -3).join("/"), plural, name };
  return namespace === "" ? ref : { ...ref, namespace };
}

/**
 * A hash of what an object means, but for its owners, which have other UIDs once they were created again. Of what is not
 * Calico's, controllers change annotations and status: there the spec says it.
 */
export function contentHash(ref: { apiVersion: string; plural: string }, object: JsonObject): string {
  if (ref.plural === "nodes" || isCalico(ref)) {
    const { ownerReferences, ...content } = meaning(object);
    return hash("sha256", canonicalJson(content), "hex");
  }
  return hash("sha256", canonicalJson(objectAt(object, "spec")), "hex");
}

/** The same with the owners. */
export function exactHash(ref: { apiVersion: string; plural: string }, object: JsonObject): string {
  return ref.plural === "nodes" || isCalico(ref) ? meaningHash(object) : contentHash(ref, object);
}

/** True for the objects that say which datastore may be used. */
export function isClusterInformation({ plural }: { plural: string }): boolean {
  return plural === "clusterinformations";
}

function placeOf({ ref, object }: ObjectLine): Pick<Item, "rank" | "delicate"> | undefined {
  if (ref.plural === "nodes") return { rank: 2 };
  if (ref.apiVersion === "apps/v1") return isOperated(object) ? undefined : { rank: 5 };
  if (ref.apiVersion.startsWith("admissionregistration.k8s.io/")) return { rank: 4 };
  if (!isCalico(ref) || isClusterInformation(ref)) return undefined;
  const rank = Math.max(kindByPlural(ref.plural)?.rank ?? 1, 1) as ItemRank;
  return rank === 3 ? { rank, delicate: "addresses" } : { rank };
}

function isOperated(object: JsonObject): boolean {
  return objectsAt(object, "metadata", "ownerReferences").some((owner) =>
    textAt(owner, "apiVersion").startsWith("operator.tigera.io/"),
  );
}
