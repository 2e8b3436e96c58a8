import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { convertUid } from "./uid.ts";

test("bits are reversed byte by byte, but for version and variant", () => {
  assert.equal(convertUid("01020304-0506-4708-8910-111213141516"), "8040c020-a060-4710-8908-8848c828a868");
});

test("converting twice gives the UID again", () => {
  fc.assert(fc.property(fc.uuid(), (uid) => convertUid(convertUid(uid) ?? "") === uid));
});

test("what is no UUID has no conversion", () => {
  assert.equal(convertUid("not-a-uid"), undefined);
});
