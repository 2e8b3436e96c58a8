/**
 * The few DER encodings (ITU-T X.690) that a certificate needs. Every function returns a complete
 * tag-length-value.
 */
export const der = {
  sequence: (...items: Buffer[]) => tlv(0x30, Buffer.concat(items)),
  set: (...items: Buffer[]) => tlv(0x31, Buffer.concat(items)),
  integer: (bytes: Buffer) => tlv(0x02, unsigned(bytes)),
  boolean: (value: boolean) => tlv(0x01, Buffer.from([value ? 0xff : 0])),
  utf8: (text: string) => tlv(0x0c, Buffer.from(text, "utf8")),
  octets: (bytes: Buffer) => tlv(0x04, bytes),
  /** A bit string of whole bytes, less `unused` bits at its end. */
  bits: (bytes: Buffer, unused = 0) => tlv(0x03, Buffer.concat([Buffer.from([unused]), bytes])),
  oid: (dotted: string) => tlv(0x06, oidBytes(dotted)),
  /** UTCTime: two digits of the year, so for years from 1950 to 2049. */
  time: (date: Date) =>
    tlv(
      0x17,
      Buffer.from(
        date
          .toISOString()
          .slice(2)
          .replace(/[-:T]|\.\d+/g, ""),
        "ascii",
      ),
    ),
  /** Context-specific: constructed unless `primitive`. */
  context: (tag: number, content: Buffer, primitive = false) => tlv((primitive ? 0x80 : 0xa0) | tag, content),
};

function tlv(tag: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([tag]), lengthBytes(content.length), content]);
}

function lengthBytes(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const bytes = bigEndian(length);
  return Buffer.from([0x80 | bytes.length, ...bytes]);
}

function bigEndian(value: number): number[] {
  return value < 256 ? [value] : [...bigEndian(Math.floor(value / 256)), value % 256];
}

// A leading one bit would make the number negative.
function unsigned(bytes: Buffer): Buffer {
  return (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes;
}

function oidBytes(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return Buffer.from([first * 40 + second, ...rest.flatMap(base128)]);
}

function base128(value: number): number[] {
  const digits = [value % 128];
  for (let left = Math.floor(value / 128); left > 0; left = Math.floor(left / 128)) {
    digits.unshift(0x80 | (left % 128));
  }
  return digits;
}
