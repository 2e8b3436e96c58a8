import { z } from "zod";

/** An item as DynamoDB's own JSON has it: each value under the name of its type. */
export const WireItem = z.record(z.string(), z.record(z.string(), z.unknown()));
export type WireItem = z.infer<typeof WireItem>;

/** The bytes that DynamoDB bills for an item: names and values, after its documentation of item sizes. */
export function itemBytes(item: WireItem): number {
  return Object.entries(item).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + bytesOf(value),
    0,
  );
}

function bytesOf(value: Readonly<Record<string, unknown>>): number {
  const [type = "", content] = Object.entries(value)[0] ?? [];
  if (type === "S") return Buffer.byteLength(String(content));
  // About one byte for two digits, and one more.
  if (type === "N") return Math.ceil(String(content).length / 2) + 1;
  if (type === "B") return Buffer.from(String(content), "base64").length;
  if (type === "SS") return z.array(z.string()).parse(content).join("").length;
  if (type === "BOOL" || type === "NULL") return 1;
  // Lists and maps, which this store has none of.
  return Buffer.byteLength(JSON.stringify(content));
}
