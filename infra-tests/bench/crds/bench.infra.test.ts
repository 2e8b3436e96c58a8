import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { removeFolder, temporaryFolder } from "../../harness/temporary-folder.ts";
import { CHANGES } from "./runs.ts";

const PROGRAM = join(import.meta.dirname, "..", "main.ts");

interface LockFile {
  data: { runs: { caughtUp: number; peakRssBytes: number; stages: { stage: string; ms: number }[] }[] };
}

test("a small bench of the lock and the memory carries the changes that it makes, and measures a process", () => {
  const out = temporaryFolder("bench");
  const args = [PROGRAM, "crds", "--quick", "--only", "lock,memory", "--out", out];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    timeout: 400_000,
  });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^goal: lock window .*: met$/m);
  const { data } = JSON.parse(readFileSync(join(out, "crds-lock.json"), "utf8")) as LockFile;
  const [run] = data.runs;
  assert.ok(run !== undefined);
  assert.ok(run.caughtUp >= CHANGES, "the changes were the catch-up's work");
  assert.ok(run.stages.some(({ stage, ms }) => stage === "cleanup" && ms > 0));
  // Node alone needs some 40 MiB.
  if (process.platform === "linux") assert.ok(run.peakRssBytes > 60 * 1024 ** 2);
  removeFolder(out);
});
