import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { largestProcess, parseNodeFlags, parsePeakRss } from "./process-facts.ts";

test("the peak is read in bytes, and is undefined for a process that has ended", () => {
  assert.equal(parsePeakRss("Name:\tnode\nVmPeak:\t 900 kB\nVmHWM:\t  120 kB\nVmRSS:\t 80 kB\n"), 120 * 1024);
  assert.equal(parsePeakRss(""), undefined);
});

test("flags of Node are told from arguments of the script", () => {
  const line = ["node", "--max-semi-space-size=16", "--no-warnings", "bin.mjs", "start", "--yes", ""].join(
    "\0",
  );
  assert.deepEqual(parseNodeFlags(line), ["--max-semi-space-size=16", "--no-warnings"]);
  assert.deepEqual(parseNodeFlags(["node", "bin.mjs", "--yes", ""].join("\0")), []);
});

test(
  "a child that needs more memory than its parent is found",
  { skip: process.platform !== "linux" },
  async () => {
    const child =
      "Buffer.alloc(300e6, 1); process.on('disconnect', () => process.exit()); process.send('up')";
    const parent = `const { spawn } = require("node:child_process");
    spawn(process.execPath, ["--no-deprecation", "-e", ${JSON.stringify(child)}], { stdio: ["ignore", "ignore", "ignore", "ipc"] })
      .on("message", () => process.send("up"));`;
    const process_ = spawn(process.execPath, ["-e", parent], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    await once(process_, "message");
    const found = largestProcess(process_.pid ?? 0);
    assert.ok((found?.peakRssBytes ?? 0) > 300e6);
    assert.ok(found?.nodeFlags.includes("--no-deprecation"));
    // The grandchild ends when its parent's end closes the channel between them.
    process_.kill();
    await once(process_, "exit");
    assert.equal(largestProcess(process_.pid ?? 0), undefined);
  },
);
