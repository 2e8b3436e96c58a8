import assert from "node:assert/strict";
import type { JsonObject } from "../../json.ts";
import { forward } from "../forward.ts";
import type { Carried, ForwardContext, Forwarded } from "../forwarded.ts";
import { V1 } from "./samples.ts";

/** What a value that must be carried becomes. */
export function carried(key: string, value: JsonObject | string, context: ForwardContext = V1): Carried {
  const result = forward(key, typeof value === "string" ? value : JSON.stringify(value), context);
  assert.equal(result.outcome, "carry", JSON.stringify(result));
  return result;
}

/** The outcome of a value that must not be carried. */
export function refused(
  key: string,
  value: JsonObject | string,
  context: ForwardContext = V1,
): Exclude<Forwarded, Carried> {
  const result = forward(key, typeof value === "string" ? value : JSON.stringify(value), context);
  assert.notEqual(result.outcome, "carry");
  return result as Exclude<Forwarded, Carried>;
}
