import { RecordTooLargeError } from "./errors.ts";

// Limits of DynamoDB; the one of items less what is needed for updates of single attributes.
const MAX_ITEM_BYTES = 390_000;
const MAX_SORT_KEY_BYTES = 1024;
const MAX_PARTITION_KEY_BYTES = 2048;

/** What kind of value an item has where this store writes it. */
export type Attribute = string | number | boolean | Uint8Array | ReadonlySet<string>;

/** An item as this store writes it. */
export type Item = Readonly<Record<string, Attribute>>;

/** Whose item it is, for messages: `record` reads like `stage "pre-copy"`. */
export interface RecordName {
  runId: string;
  record: string;
}

/** About how many bytes DynamoDB counts for an item; rather more than less. */
export function sizeOf(item: Item): number {
  let bytes = 100;
  for (const [name, value] of Object.entries(item)) bytes += name.length + sizeOfValue(value);
  return bytes;
}

/** Throws RecordTooLargeError for an item that DynamoDB would refuse. */
export function ensureFits({ runId, record }: RecordName, item: Item): void {
  const { pk, sk } = item;
  const tooLong = (key: Attribute | undefined, max: number) =>
    typeof key === "string" && Buffer.byteLength(key) > max;
  if (tooLong(pk, MAX_PARTITION_KEY_BYTES) || tooLong(sk, MAX_SORT_KEY_BYTES)) {
    throw new RecordTooLargeError(runId, record, "its name is longer than a key of DynamoDB may be");
  }
  const bytes = sizeOf(item);
  if (bytes <= MAX_ITEM_BYTES) return;
  const limit = `an item of DynamoDB may have ${MAX_ITEM_BYTES}`;
  throw new RecordTooLargeError(runId, record, `it has ${bytes} bytes, ${limit}`);
}

/** True for a sort key under which something can be kept. */
export function isSortKey(sk: string): boolean {
  return Buffer.byteLength(sk) <= MAX_SORT_KEY_BYTES;
}

function sizeOfValue(value: Attribute): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (value instanceof Uint8Array) return value.length;
  if (typeof value === "object") return [...value].reduce((sum, one) => sum + Buffer.byteLength(one), 3);
  return 21;
}
