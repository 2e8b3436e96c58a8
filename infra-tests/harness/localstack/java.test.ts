import assert from "node:assert/strict";
import { test } from "node:test";
import { javaMajor } from "./java.ts";

test("the major version is read from what java says of itself", () => {
  assert.equal(javaMajor('openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment'), 17);
  assert.equal(javaMajor('java version "21" 2023-09-19 LTS'), 21);
  assert.equal(javaMajor('java version "1.8.0_402"'), 1);
  assert.equal(javaMajor("The operation couldn’t be completed. Unable to locate a Java Runtime."), 0);
});
