import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import { promisify } from "node:util";
import { FORBIDDEN } from "./testing/secrets.ts";

/** Everything that the program wrote: log lines, metrics, events, refusals, runs, stages, checkpoints. */
async function runLeaks(): Promise<string> {
  const program = join(import.meta.dirname, "testing", "leaks.ts");
  const env = { ...process.env, POWERTOOLS_METRICS_NAMESPACE: "test", POWERTOOLS_LOG_LEVEL: "DEBUG" };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [program], {
    env,
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout + stderr;
}

describe("secrets", () => {
  let output = "";
  before(async () => {
    output = await runLeaks();
  });

  test("are in nothing that is written, whatever goes wrong", () => {
    for (const secret of FORBIDDEN) {
      const at = output.indexOf(secret);
      assert.equal(at, -1, `…${output.slice(Math.max(0, at - 300), at)}HERE`);
    }
  });

  // Without these, the test above could pass because nothing went wrong.
  for (const expected of [
    ...[
      "CLUSTER_SECRET_INVALID",
      "KUBERNETES_UNREACHABLE",
      "CLUSTER_SECRET_REFUSED",
      "OPTIONS_INVALID",
      "MESSAGE_INVALID",
      "INTERNAL",
      "BROKEN",
    ],
    ...[
      "message.dead-lettered",
      "a message was given up that names no run",
      "the invocation failed",
      "[redacted]",
    ],
  ]) {
    test(`were at hand: ${expected}`, () => {
      assert.ok(output.includes(expected), output.slice(-2_000));
    });
  }
});
