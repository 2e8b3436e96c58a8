const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i;

/** The bytes that hold a UUID's version and variant. */
const KEPT = new Set([6, 8]);

function reversedBits(byte: number): number {
  let result = 0;
  for (let bit = 0; bit < 8; bit++) result |= ((byte >>> bit) & 1) << (7 - bit);
  return result;
}

/**
 * The UID under which Calico shows an object of crd.projectcalico.org/v1 as a v3 resource, and back: the bits of every
 * byte reversed, but for those of version and variant. (libcalico-go/lib/backend/k8s/conversion, ConvertUID)
 * Undefined for what is no UUID.
 */
export function convertUid(uid: string): string | undefined {
  if (!UUID.test(uid)) return undefined;
  const bytes = Buffer.from(uid.replaceAll("-", ""), "hex");
  const hex = Buffer.from(bytes.map((byte, index) => (KEPT.has(index) ? byte : reversedBits(byte)))).toString(
    "hex",
  );
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
