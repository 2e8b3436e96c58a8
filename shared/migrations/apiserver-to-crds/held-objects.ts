import type { JsonObject } from "../../json.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { objectAt, textAt } from "../../kubernetes/fields.ts";
import type { Context } from "./context.ts";
import { reads } from "../target/reads.ts";

const NAMED = 5;

/** The first objects of a resource that finalizers keep from going away, with these, in a sentence; empty where none is kept. */
export async function heldObjects(
  context: Context,
  resource: { apiVersion: string; plural: string },
): Promise<string> {
  const options = { metadataOnly: true, signal: context.signal };
  const held: string[] = [];
  try {
    for await (const page of reads(context).pages(resource, options)) {
      for (const object of page) {
        const finalizers = finalizersOf(object);
        if (finalizers.length > 0) held.push(`${nameOf(object)} by ${finalizers.join(", ")}`);
      }
      if (held.length >= NAMED) break;
    }
  } catch (error) {
    if (!isKubernetesError(error, "KUBERNETES_NOT_FOUND")) throw error;
  }
  return held.slice(0, NAMED).join("; ");
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
