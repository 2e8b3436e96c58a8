import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { test } from "node:test";

const IMPORT = /^(?:import|export)\s(?!type\s)[^;]*?from\s+"([^"]+)";/gms;

/** Everything that is loaded with a module: packages by name, modules of the project by path. */
function loadedWith(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, name = ""] of readFileSync(file, "utf8").matchAll(IMPORT)) {
    if (name.startsWith(".")) loadedWith(resolve(dirname(file), name), seen);
    else seen.add(name);
  }
  return seen;
}

test("who works without AWS does not wait for its clients to load", () => {
  const loaded = [...loadedWith(join(import.meta.dirname, "main.ts"))];
  assert.ok(loaded.includes("commander"), "the walk finds packages");
  assert.ok(loaded.some((name) => name.endsWith("cli/aws/session.ts")));
  assert.deepEqual(
    loaded.filter((name) => /^@(aws|smithy)/.test(name)),
    [],
  );
  const withAws = [...loadedWith(join(import.meta.dirname, "aws", "open.ts"))];
  assert.ok(
    withAws.some((name) => name.startsWith("@aws-sdk/")),
    "they are where they are expected",
  );
});
