import type { JsonObject } from "../../json.ts";
import { objectAt, textAt } from "../../kubernetes/fields.ts";
import { call, orAbsent } from "../target/calls.ts";
import type { Context } from "./context.ts";

const LOOKED_AT = 100;
const NAMED = 5;

/**
 * The first objects of a resource that finalizers keep from going away, with these, in a sentence; empty where none of the
 * first hundred is kept.
 */
export async function heldObjects(
  context: Context,
  resource: { apiVersion: string; plural: string },
): Promise<string> {
  const options = { limit: LOOKED_AT, metadataOnly: true, signal: context.signal };
  const { kubernetes } = context.connections;
  const page = await orAbsent(call(context, () => kubernetes.list(resource, options)));
  return (page?.items ?? [])
    .map((object) => ({ object, finalizers: finalizersOf(object) }))
    .filter(({ finalizers }) => finalizers.length > 0)
    .slice(0, NAMED)
    .map(({ object, finalizers }) => `${nameOf(object)} by ${finalizers.join(", ")}`)
    .join("; ");
}

function finalizersOf(object: JsonObject): string[] {
  const { finalizers } = objectAt(object, "metadata");
  return Array.isArray(finalizers) ? finalizers.filter((one) => typeof one === "string") : [];
}

function nameOf(object: JsonObject): string {
  const namespace = textAt(object, "metadata", "namespace");
  const name = textAt(object, "metadata", "name");
  return namespace === "" ? name : `${namespace}/${name}`;
}
