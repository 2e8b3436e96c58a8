import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";

function runTests(...args: readonly string[]) {
  const program = join(import.meta.dirname, "run-tests.ts");
  return spawnSync(process.execPath, [program, ...args], { encoding: "utf8" });
}

test("an unknown suite is a usage error that names those there are", () => {
  const { status, stderr } = runTests("everything");
  assert.deepEqual([status, /unit\|infra/.test(stderr)], [2, true]);
});

test("a filter that matches no file is an error, not a success without tests", () => {
  const { status, stderr } = runTests("unit", "no-such-file");
  assert.deepEqual([status, /no unit test matches no-such-file/.test(stderr)], [2, true]);
});
