import type { Json } from "../../json.ts";

/** The text of a value that may be absent, as a column holds it. A JSON `null` is present. */
export function jsonOrNull(value: object | Json | undefined): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

/** What a column of JSON text holds; the store wrote it, so the reader knows its shape. */
export function parseJson(text: string): unknown {
  return JSON.parse(text);
}
