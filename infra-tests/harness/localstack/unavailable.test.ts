import assert from "node:assert/strict";
import { test } from "node:test";
import { awsEmulatorUnavailable, installFailed } from "./unavailable.ts";

test("the error without any AWS names every way to get one", () => {
  const error = awsEmulatorUnavailable("no Python of 3.13 or 3.12 was found");
  assert.equal(error.code, "TEST_AWS_UNAVAILABLE");
  assert.match(error.message, /no Python of 3\.13 or 3\.12 was found/);
  for (const way of [/AWS_ENDPOINT_URL/, /Docker/, /Python 3\.12/, /java 17/, /mvn/])
    assert.match(error.next, way);
});

test("the error of a failed installation shows the end of what its tool printed", () => {
  const output = Array.from({ length: 50 }, (_, n) => `line ${n}`).join("\n");
  const error = installFailed("Maven", output);
  assert.match(error.message, /Maven failed:\nline 30\n[^]*line 49$/);
});
