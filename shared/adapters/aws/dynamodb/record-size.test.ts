import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ensureFits, isSortKey, sizeOf } from "./record-size.ts";

const name = { runId: "r1", record: 'stage "pre-copy"' };
const key = { pk: "p", sk: "s" };

describe("the size of a record", () => {
  test("is counted in bytes of UTF-8, with names, sets and binaries", () => {
    const plain = sizeOf(key);

    assert.equal(sizeOf({ ...key, a: "漢".repeat(10) }), plain + 1 + 30);
    assert.equal(sizeOf({ ...key, a: new Uint8Array(10) }), plain + 1 + 10);
    assert.equal(sizeOf({ ...key, a: new Set(["12", "34"]) }), plain + 1 + 3 + 4);
  });

  test("of less than the limit is accepted, more is refused with the names of run and record", () => {
    ensureFits(name, { ...key, a: "x".repeat(380_000) });

    assert.throws(
      () => {
        ensureFits(name, { ...key, a: "x".repeat(400_000) });
      },
      { code: "RECORD_TOO_LARGE", message: /stage "pre-copy" of run "r1".*bytes/, details: name },
    );
  });

  test("of a key counts as well", () => {
    ensureFits(name, { pk: "p".repeat(2048), sk: "s".repeat(1024) });
    for (const long of [
      { ...key, pk: "p".repeat(2049) },
      { ...key, sk: "é".repeat(513) },
    ]) {
      assert.throws(
        () => {
          ensureFits(name, long);
        },
        { code: "RECORD_TOO_LARGE" },
      );
    }
    assert.deepEqual([isSortKey("s".repeat(1024)), isSortKey("é".repeat(513))], [true, false]);
  });
});
