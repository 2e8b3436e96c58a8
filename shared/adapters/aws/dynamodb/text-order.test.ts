import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { decodeText, encodeText } from "./text-order.ts";

/** Any code units, halves of surrogate pairs included, and often those around the limits. */
const anyText = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 0xffff }),
      fc.constantFrom(0, 0x23, 0x7f, 0xd7fe, 0xd7ff, 0xd800, 0xdbff, 0xdc00, 0xdfff, 0xe000, 0xffff),
    ),
    { maxLength: 6 },
  )
  .map((units) => String.fromCharCode(...units));

function compareBytes(a: string, b: string): number {
  return Math.sign(Buffer.compare(Buffer.from(a, "utf8"), Buffer.from(b, "utf8")));
}

function compareUnits(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

describe("text in keys", () => {
  test("comes back, whatever it is", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        assert.equal(decodeText(encodeText(text)), text);
      }),
      { numRuns: 1_000 },
    );
  });

  test("survives UTF-8", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const encoded = encodeText(text);
        assert.equal(Buffer.from(encoded, "utf8").toString("utf8"), encoded);
      }),
      { numRuns: 1_000 },
    );
  });

  test("sorts by its bytes as JavaScript sorts it by code units", () => {
    fc.assert(
      fc.property(anyText, anyText, anyText, (start, a, b) => {
        const [one, other] = [start + a, start + b];
        assert.equal(compareBytes(encodeText(one), encodeText(other)), compareUnits(one, other));
      }),
      { numRuns: 2_000 },
    );
    assert.equal(compareBytes(encodeText("😀"), encodeText("\ue000")), -1);
    assert.equal(compareBytes("😀", "\ue000"), 1, "as it would be without encoding");
  });

  test("is left alone where both orders agree", () => {
    for (const text of ["", "/calico/resources/v3/projectcalico.org/ippools/a#b", "é漢\u0000\n"]) {
      assert.equal(encodeText(text), text);
    }
  });
});
