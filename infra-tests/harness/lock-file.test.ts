import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { withLockFile } from "./lock-file.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const newLock = () => join(temporaryFolder("lock"), "lock");

test("two holders never run at the same time, and the lock is gone afterwards", async () => {
  const path = newLock();
  const events: string[] = [];
  const hold = (name: string) =>
    withLockFile(path, async () => {
      events.push(`${name} in`);
      await sleep(30);
      events.push(`${name} out`);
    });
  await Promise.all([hold("a"), hold("b")]);
  assert.deepEqual(
    events.map((event) => event.split(" ")[1]),
    ["in", "out", "in", "out"],
  );
  assert.deepEqual(readdirSync(dirname(path)), []);
});

test("the lock of a process that is gone is taken over", async () => {
  const path = newLock();
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  writeFileSync(path, String(pid));
  assert.equal(await withLockFile(path, () => Promise.resolve("mine")), "mine");
});

test("a failure of the body releases the lock", async () => {
  const path = newLock();
  await assert.rejects(
    withLockFile(path, () => Promise.reject(new Error("body failed"))),
    /body failed/,
  );
  assert.equal(existsSync(path), false);
});
