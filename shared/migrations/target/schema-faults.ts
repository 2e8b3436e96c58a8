import type { JsonObject } from "../../json.ts";
import { applyDefaults, unknownFields, violations } from "../../kubernetes/structural-schema.ts";

/** A row of a ledger is bounded (DynamoDB: 400 KB). */
const FAULTS_NAMED = 100;

/** Every reason for which the API server would refuse an object, or drop a part of it, as far as its CRD's schema tells. */
export function schemaFaults(schema: JsonObject, object: JsonObject): string[] {
  const dropped = unknownFields(schema, object);
  const refused = violations(schema, applyDefaults(schema, object));
  return [
    ...dropped.map((path) => `the target's CRD has no field ${path}`),
    ...refused.map(({ path, message }) => `${path}: ${message}`),
  ];
}

/** All of these in one clause; of very many, the first. */
export function allOf(faults: readonly string[]): string {
  const named = faults.slice(0, FAULTS_NAMED).join("; ");
  const more = faults.length - FAULTS_NAMED;
  return more > 0 ? `${named}; and ${more} more` : named;
}
