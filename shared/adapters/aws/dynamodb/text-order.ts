/** The last code unit that UTF-8 orders as JavaScript does; it introduces the pairs that stand for it and those above. */
const MARK = 0xd7ff;
const FIRST_OF_PAIR = 0x20;

const ABOVE = /[\ud7ff-\uffff]/g;
const PAIRS = /\ud7ff([\s\S])/g;

/**
 * A text as DynamoDB can keep and compare it. DynamoDB holds Unicode only, so half a surrogate pair would be lost, and
 * it compares UTF-8 bytes, by which characters beyond U+FFFF come after all others; the code units of JavaScript, by
 * which the engine compares, put them before U+E000. The encoded text has no surrogates, so both orders agree for it. It
 * is the text itself for everything below U+D7FF, and so for every name of Kubernetes and key of Calico.
 */
export function encodeText(text: string): string {
  return text.replaceAll(
    ABOVE,
    (unit) => String.fromCharCode(MARK) + String.fromCharCode(FIRST_OF_PAIR + unit.charCodeAt(0) - MARK),
  );
}

/** The text that was given to {@link encodeText}. */
export function decodeText(encoded: string): string {
  return encoded.replaceAll(PAIRS, (_pair, second: string) =>
    String.fromCharCode(second.charCodeAt(0) - FIRST_OF_PAIR + MARK),
  );
}
