import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { sizeFault } from "./try-object.ts";

describe("the size of an object", () => {
  const sized = (bytes: number) => ({ text: "x".repeat(bytes - JSON.stringify({ text: "" }).length) });

  test("is a fault where no etcd is known to take it, and none where the same etcd holds as much", () => {
    assert.equal(sizeFault(sized(1_572_352)), undefined);
    assert.match(
      sizeFault(sized(1_572_353)) ?? "",
      /^it has 1572353 bytes, and etcd takes 1572352 in a write$/,
    );
    assert.match(sizeFault(sized(1_572_353), sized(100)) ?? "", /etcd takes 1572352 in a write$/);
    assert.equal(sizeFault(sized(2_000_000), sized(2_000_000)), undefined);
    assert.match(sizeFault(sized(2_000_001), sized(2_000_000)) ?? "", /etcd takes 2000000 in a write$/);
  });
});
