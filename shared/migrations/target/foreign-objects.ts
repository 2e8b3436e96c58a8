import type { JsonObject } from "../../json.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ResourceRef } from "../../kubernetes/types.ts";
import type { AnyContext } from "../context.ts";
import { isOurs } from "./ownership.ts";
import { reads } from "./reads.ts";

const NAMED = 5;

/** Objects of a resource that somebody else has written: how many, and the first of them by name. */
export interface ForeignObjects {
  count: number;
  names: string[];
}

/** Which objects of a page count as nobody else's. */
interface Told {
  known: (object: JsonObject) => boolean;
  oursOf: (objects: readonly JsonObject[]) => Promise<readonly JsonObject[]>;
}

/**
 * What others have put where this run is about to delete the definition with all that it holds. `known` leaves out what is no
 * loss; `oursOf` says what is this run's, by default what its managed fields tell. Undefined where it may not be looked at:
 * there may be anything.
 */
export async function foreignObjects(
  context: AnyContext,
  ref: ResourceRef,
  { known = () => false, oursOf = managedBy(context) }: Partial<Told> = {},
): Promise<ForeignObjects | undefined> {
  const found: ForeignObjects = { count: 0, names: [] };
  const options = { metadataOnly: true, signal: context.signal };
  try {
    for await (const page of reads(context).pages(ref, options)) {
      const ours = new Set(await oursOf(page));
      for (const object of page) {
        if (ours.has(object) || known(object)) continue;
        if (found.count++ < NAMED) found.names.push(nameOf(object));
      }
    }
    return found;
  } catch (error) {
    if (isKubernetesError(error, "KUBERNETES_NOT_FOUND")) return found;
    if (isKubernetesError(error, "KUBERNETES_FORBIDDEN")) return undefined;
    throw error;
  }
}

function managedBy(context: AnyContext): Told["oursOf"] {
  return (objects) => Promise.resolve(objects.filter((object) => isOurs(context, object)));
}

/** Why a definition is kept, for people; undefined where nobody else uses it. */
export function whyKept(found: ForeignObjects | undefined): string | undefined {
  if (found === undefined) return "kept, as what it holds may not be looked at";
  if (found.count === 0) return undefined;
  const more = found.count > found.names.length ? `, and ${found.count - found.names.length} more` : "";
  return `kept with ${found.count} objects that others have put there: ${found.names.join(", ")}${more}`;
}

function nameOf(object: JsonObject): string {
  const namespace = textAt(object, "metadata", "namespace");
  const name = textAt(object, "metadata", "name");
  return namespace === "" ? name : `${namespace}/${name}`;
}
