import type { Json, JsonObject } from "./json.ts";

/** JSON.parse with source text access and JSON.rawJSON, which the language library of TypeScript does not know yet. */
interface SourceTextJson {
  parse(text: string, reviver: (key: string, value: Json, context: { source?: string }) => Json): Json;
  rawJSON(text: string): JsonObject;
  isRawJSON(value: unknown): value is { readonly rawJSON: string };
}

const sourceTextJson = JSON as unknown as SourceTextJson;

const LONG_DIGITS = /\d{16}/;
const INTEGER = /^-?\d+$/;

/**
 * Parses JSON without rounding integers beyond 2^53: those become raw JSON values, which JSON.stringify writes out
 * digit by digit. Calico counts block sequence numbers in nanoseconds since 1970, so nearly every IPAM block has them.
 * Do not copy such a value member by member; it would lose its nature. Throws SyntaxError as JSON.parse does.
 */
export function parseExactJson(text: string): Json {
  if (!LONG_DIGITS.test(text)) return JSON.parse(text) as Json;
  return sourceTextJson.parse(text, (_key, value, { source }) =>
    typeof value === "number" && source !== undefined && !Number.isSafeInteger(value) && INTEGER.test(source)
      ? sourceTextJson.rawJSON(source)
      : value,
  );
}

/** The digits of an integer that JavaScript's numbers cannot hold; undefined for every other value. */
export function exactDigits(value: unknown): string | undefined {
  return sourceTextJson.isRawJSON(value) ? value.rawJSON : undefined;
}

/** The integer with these digits, whatever its size. */
export function exactInteger(digits: string): Json {
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : sourceTextJson.rawJSON(digits);
}
