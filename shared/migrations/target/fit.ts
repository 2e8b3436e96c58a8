import type { TargetObject } from "../../calico/target.ts";
import type { JsonObject } from "../../json.ts";
import { respell } from "../../kubernetes/structural-schema.ts";

/** An object as the target's CRD takes it. */
export interface Fitted {
  object: TargetObject;
  /** What was spelt in another way, with the same meaning, as clauses for people. */
  respelled: readonly string[];
}

/** Fits an object to the schema of its CRD without changing what it means: repetitions in sets and bare addresses are respelled. */
export function fit(schema: JsonObject, object: TargetObject): Fitted {
  const { object: respelt, told } = respell(schema, object);
  return { object: respelt as TargetObject, respelled: told.map(({ path, what }) => `${path}: ${what}`) };
}
