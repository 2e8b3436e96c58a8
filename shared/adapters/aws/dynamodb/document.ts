import { gunzipSync, gzipSync } from "node:zlib";

/** A JSON value as an attribute holds it: its text, or its compressed text. */
export type Document = string | Uint8Array;

/** Texts of more code units than this are compressed: an object of a cluster may have more than an item can hold. */
const COMPRESSED_FROM = 16_384;

/**
 * The JSON text of a value, as DynamoDB's own numbers have other limits than JavaScript's, and its maps are larger.
 * What is read is what `JSON.parse(JSON.stringify(value))` gives, as with every other store.
 */
export function toDocument(value: object | string | number | boolean | null): Document {
  const text = JSON.stringify(value);
  return text.length > COMPRESSED_FROM ? gzipSync(text) : text;
}

/** The value of a document; the store wrote it, so the reader knows its shape. */
export function fromDocument(document: Document): unknown {
  return JSON.parse(typeof document === "string" ? document : gunzipSync(document).toString("utf8"));
}
