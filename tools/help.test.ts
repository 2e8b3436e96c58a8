import assert from "node:assert/strict";
import { test } from "node:test";
import { PURPOSES, scriptNames } from "./help.ts";

test("every script of package.json is explained, and no other", () => {
  assert.deepEqual(Object.keys(PURPOSES).toSorted(), scriptNames().toSorted());
});
