const HIGHEST_CODE_POINT = 0x10ffff;
const FIRST_SURROGATE = 0xd800;
const AFTER_SURROGATES = 0xe000;

/** As the end of a range: no end. As its start: the very first key. etcd's own convention. */
const EVERYTHING = "\0";

/**
 * The smallest key after all keys with the prefix, to read a prefix as `{ from: prefix, to: prefixEnd(prefix) }`.
 * For the empty prefix it is `"\0"`, which etcd reads as "no end".
 *
 * @example prefixEnd("/calico/") // "/calico0"
 */
export function prefixEnd(prefix: string): string {
  const codePoints = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  while (codePoints.at(-1) === HIGHEST_CODE_POINT) codePoints.pop();
  const last = codePoints.pop();
  if (last === undefined) return EVERYTHING;
  const next = last + 1 === FIRST_SURROGATE ? AFTER_SURROGATES : last + 1;
  return String.fromCodePoint(...codePoints, next);
}

/** The bytes of a key where a range begins; etcd has no empty key. */
export function rangeStart(from: string): Buffer {
  return Buffer.from(from === "" ? EVERYTHING : from);
}

/** The first key after the given one, in bytes: where the next page begins. */
export function keyAfter(key: Buffer): Buffer {
  return Buffer.concat([key, Buffer.of(0)]);
}
