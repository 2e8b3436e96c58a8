import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { removeFolder, temporaryFolder } from "../harness/temporary-folder.ts";

const PROGRAM = join(import.meta.dirname, "main.ts");

interface LockFile {
  data: { runs: { caughtUp: number; peakRssBytes: number; lock: { windowMs: number }; quietMs: number }[] };
}

test("a small bench of the lock and the memory carries the changes that it makes, and measures a process", () => {
  const out = temporaryFolder("bench");
  const args = [PROGRAM, "etcd", "--quick", "--only", "lock,memory", "--sizes", "300", "--out", out];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    encoding: "utf8",
    timeout: 180_000,
  });
  assert.equal(status, 0, stderr);
  assert.match(stdout, /^goal: lock window .*: met$/m);
  const { data } = JSON.parse(readFileSync(join(out, "etcd-lock.json"), "utf8")) as LockFile;
  const [run] = data.runs;
  assert.ok(run !== undefined);
  assert.ok(run.caughtUp >= 100, "all changes were carried after the copy");
  assert.ok(run.lock.windowMs > run.quietMs);
  // Node alone needs some 40 MiB.
  if (process.platform === "linux") assert.ok(run.peakRssBytes > 60 * 1024 ** 2);
  removeFolder(out);
});
