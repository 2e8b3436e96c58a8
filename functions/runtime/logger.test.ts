import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("../testing/log-lines.ts", import.meta.url));

/** What a function prints with this level, where Lambda's own filter lets INFO through. */
function printed(level: string): string {
  const env = { ...process.env, POWERTOOLS_LOG_LEVEL: level, AWS_LAMBDA_LOG_LEVEL: "INFO" };
  const args = ["--disable-warning=ExperimentalWarning", PROGRAM];
  const { stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: "utf8" });
  return stdout + stderr;
}

describe("a function's log", () => {
  test("has the lines of its level and above, and metrics whatever that is", () => {
    const [all, few] = [printed("INFO"), printed("ERROR")];
    assert.match(all, /"message":"told"/);
    assert.doesNotMatch(few, /"message":"told"/);
    for (const text of [all, few]) {
      assert.match(text, /"message":"wrong"/);
      assert.match(text, /"LockAgeSeconds":5/);
    }
  });
});
