import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { isAtLeast, parseVersion, rowFor, type Version, versionText } from "./versions.ts";

const version: fc.Arbitrary<Version> = fc.tuple(fc.nat(99), fc.nat(99), fc.nat(99));

describe("versions", () => {
  for (const [text, expected] of [
    ["v3.32.1", [3, 32, 1]],
    ["1.36.1-gke.100", [1, 36, 1]],
    ["v1.42.3-0.dev", [1, 42, 3]],
    ["v3.32", [3, 32, 0]],
    ["v1.36+", [1, 36, 0]],
  ] as const) {
    test(`${text} is ${expected.join(".")}`, () => {
      assert.deepEqual(parseVersion(text), expected);
    });
  }

  for (const text of ["", "master", "v3", "sha256:12.34"]) {
    test(`"${text}" is none`, () => {
      assert.equal(parseVersion(text), undefined);
    });
  }

  test("are read as they are written", () => {
    fc.assert(
      fc.property(version, (one) => {
        assert.deepEqual(parseVersion(versionText(one)), one);
      }),
    );
  });

  test("are in the order of their parts", () => {
    const value = ([major, minor, patch]: Version): number => major * 10_000 + minor * 100 + patch;
    fc.assert(
      fc.property(version, version, (one, other) => {
        assert.equal(isAtLeast(one, other), value(one) >= value(other));
      }),
    );
  });

  test("find the last row that holds from them or from before", () => {
    const rows = [{ from: [1, 0, 0] as const }, { from: [2, 5, 0] as const }];

    assert.equal(rowFor(rows, [0, 9, 0]), undefined);
    assert.equal(rowFor(rows, [2, 4, 9]), rows[0]);
    assert.equal(rowFor(rows, [2, 5, 0]), rows[1]);
    assert.equal(rowFor(rows, [9, 0, 0]), rows[1]);
  });
});
