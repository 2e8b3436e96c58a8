import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { keyAfter, prefixEnd, rangeStart } from "./keys.ts";

const text = fc
  .string({ unit: "binary", minLength: 1, maxLength: 6 })
  .filter((value) => value.isWellFormed());

describe("prefixEnd", () => {
  it("ends Calico's prefix", () => {
    assert.equal(prefixEnd("/calico/"), "/calico0");
  });

  it("bounds, byte for byte, the keys with the prefix and no others", () => {
    fc.assert(
      fc.property(text, fc.oneof(text, fc.constant("")), text, (prefix, rest, other) => {
        for (const key of [prefix + rest, other, prefixEnd(prefix)]) {
          const bytes = Buffer.from(key);
          const isInside =
            bytes.compare(rangeStart(prefix)) >= 0 &&
            (prefixEnd(prefix) === "\0" || bytes.compare(Buffer.from(prefixEnd(prefix))) < 0);
          assert.equal(isInside, key.startsWith(prefix), JSON.stringify({ prefix, key }));
        }
      }),
    );
  });

  it("steps over the code points that text cannot hold", () => {
    assert.equal(prefixEnd("a\ud7ff"), "a\ue000");
    assert.equal(prefixEnd("a\u{10ffff}"), "b");
  });

  it("is etcd's sign for no end where nothing bounds the prefix", () => {
    assert.equal(prefixEnd(""), "\0");
    assert.equal(prefixEnd("\u{10ffff}"), "\0");
    assert.deepEqual(rangeStart(""), Buffer.of(0));
  });
});

describe("keyAfter", () => {
  it("leaves no room for a key in between", () => {
    assert.deepEqual(keyAfter(Buffer.from("a")), Buffer.from("a\0"));
  });
});
