import type { z } from "zod";
import { MigratorError } from "../shared/errors.ts";

const NEXT = "Compare it with the schemas and examples of calico-migrator's events.";

/** A message that is none of ours, or has a wrong field. It names fields, never values: one of them might be a secret. */
export function messageInvalid(what: string, problem: string): MigratorError {
  return new MigratorError("MESSAGE_INVALID", `${what}: ${problem}`, { next: NEXT });
}

/** A message of a version that this program does not understand. */
export function versionUnknown(what: string, understood: string): MigratorError {
  return new MigratorError("MESSAGE_VERSION_UNKNOWN", `${what}: only ${understood} is understood here`, {
    next: "Send the version named, or deploy the version of calico-migrator that the sender belongs to.",
  });
}

/** Parses with a schema. Throws MESSAGE_INVALID, naming each field and what would be right. */
export function parseWith<T>(schema: z.ZodType<T>, what: string, value: unknown): T {
  const parsed = unlessTooDeep(what, () => schema.safeParse(value, { reportInput: false }));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => {
    const field = path.map(String).join(".");
    return field === "" ? message : `${field}: ${message}`;
  });
  throw messageInvalid(what, problems.join("; "));
}

/** Parses text as JSON. Throws MESSAGE_INVALID without quoting the text. */
export function parseJsonText(what: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw messageInvalid(what, "is not JSON");
  }
}

/** Schemas are followed by recursion, which ends on the stack's limit when a value is nested a thousand times. */
function unlessTooDeep<T>(what: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof RangeError) throw messageInvalid(what, "is nested too deeply");
    throw error;
  }
}
