import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { PYTHON_SOURCES, supportedPython } from "./python.ts";
import { LOCALSTACK_VERSION } from "./unavailable.ts";

const lock = readFileSync(join(PYTHON_SOURCES, "requirements.lock"), "utf8");

test("only Pythons on which LocalStack runs are taken", () => {
  assert.equal(supportedPython("Python 3.12.1\n"), "3.12");
  assert.equal(supportedPython("Python 3.13.0"), "3.13");
  for (const other of ["Python 3.11.7", "Python 3.14.0", "Python 2.7.18", "pyenv: command not found", ""]) {
    assert.equal(supportedPython(other), undefined, other);
  }
});

test("the lock pins the release of LocalStack that the harness is made for, every package by a hash", () => {
  const packages = lock.split("\n").filter((line) => /^\S/.test(line));
  assert.ok(packages.some((line) => line.startsWith(`localstack-core==${LOCALSTACK_VERSION} `)));
  for (const line of packages) assert.match(line, /^[a-z0-9.-]+==\S+ (;.+)?\\$/);
  assert.equal(lock.match(/^\S.*\\\n {4}--hash=sha256:/gm)?.length, packages.length);
});

test("the lock names no index", () => {
  assert.doesNotMatch(lock, /https?:|--index|--find-links/);
});
