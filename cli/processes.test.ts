import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { FakeOptions } from "./testing/fake-migration.ts";
import { type FakeWorld, fakeWorld, runIn } from "./testing/fake-world.ts";

const PROGRAM = fileURLToPath(new URL("testing/other-process.ts", import.meta.url));
/** Too long to be met at its end, however slow the other process is. */
const SLOW: FakeOptions = { batches: 40, batchMs: 2_000 };
const QUICK: FakeOptions = { batches: 40, batchMs: 1 };

/** The program in another process. */
interface Other {
  child: ChildProcessByStdio<null, Readable, Readable>;
  output: { text: string };
  ended: Promise<number | null>;
}

function startOther(world: FakeWorld, options: FakeOptions, ...words: readonly string[]): Other {
  const env = { ...process.env, FAKE_MIGRATION: JSON.stringify(options) };
  const args = ["--disable-warning=ExperimentalWarning", PROGRAM, ...words, "--store", world.store];
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "pipe"] });
  const output = { text: "" };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => (output.text += text));
  }
  const ended = once(child, "close").then(([code]) => code as number | null);
  return { child, output, ended };
}

async function untilText({ output }: Other, text: RegExp): Promise<void> {
  for (let tries = 0; !text.test(output.text); tries++) {
    assert.ok(tries < 1500, `${String(text)} is not in: ${output.text}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const startLine = (world: FakeWorld): string[] => [
  "start",
  "fake",
  "--kubeconfig",
  world.kubeconfig,
  "--yes",
];
const COPYING = /copy: copy nothing/;

describe("two terminals on one store", { timeout: 120_000 }, () => {
  test("pause from the second stops the first, with exit code 4; resume there ends the run", async (t) => {
    const world = fakeWorld(t, QUICK);
    const first = startOther(world, SLOW, ...startLine(world));
    await untilText(first, COPYING);
    assert.equal((await runIn(world, "pause")).code, 0);
    assert.equal(await first.ended, 4);
    assert.match(first.output.text, /waiting \(Paused\)[^]*next: calico-migrator resume fake-/);
    assert.equal((await runIn(world, "resume", "-q")).code, 0);
  });

  test("watch follows the other process to the end, and changes nothing", async (t) => {
    const world = fakeWorld(t, QUICK);
    const first = startOther(world, { batches: 8, batchMs: 250 }, ...startLine(world));
    await untilText(first, COPYING);
    const { code, stderr } = await runIn(world, "watch");
    assert.equal(code, 0);
    assert.match(stderr, /run Succeeded/);
    assert.equal(await first.ended, 0);
  });

  test("watch gives up after its timeout with exit code 5", async (t) => {
    const world = fakeWorld(t, QUICK);
    await runIn(world, ...startLine(world), "--no-wait");
    const { code, stderr } = await runIn(world, "watch", "--timeout", "0.5", "-q");
    assert.deepEqual([code, /WATCH_TIMEOUT/.test(stderr)], [5, true]);
  });

  test("rollback from the second turns the run around in the first, and both see it end", async (t) => {
    const world = fakeWorld(t, QUICK);
    const first = startOther(world, SLOW, ...startLine(world));
    await untilText(first, COPYING);
    const { code, stdout } = await runIn(world, "rollback", "--yes", "-q");
    assert.equal(code, 0);
    assert.match(stdout, /RolledBack/);
    assert.equal(await first.ended, 1);
    assert.match(first.output.text, /uncopy: do uncopy/);
  });

  test("Ctrl-C stops at a safe point with exit code 130, and resume goes on", async (t) => {
    const world = fakeWorld(t, QUICK);
    const first = startOther(world, SLOW, ...startLine(world));
    await untilText(first, COPYING);
    first.child.kill("SIGINT");
    assert.equal(await first.ended, 130);
    assert.match(first.output.text, /stopping at the next safe point[^]*next: calico-migrator resume fake-/);
    assert.match(first.output.text, /^run fake-\w+ on prod: Running\(NoWorker\)$/m);
    const { code, stdout } = await runIn(world, "resume", "-q", "-o", "json");
    assert.equal(code, 0);
    const { status } = JSON.parse(stdout) as { status: { stages: { name: string; counts: object }[] } };
    assert.deepEqual(status.stages.find(({ name }) => name === "copy")?.counts, { copied: 400 });
  });

  test("a second Ctrl-C ends at once", async (t) => {
    const world = fakeWorld(t);
    const first = startOther(world, { batches: 1, batchMs: 600_000, stubborn: true }, ...startLine(world));
    await untilText(first, COPYING);
    first.child.kill("SIGINT");
    await untilText(first, /once more ends at once/);
    await new Promise((resolve) => setTimeout(resolve, 400));
    first.child.kill("SIGINT");
    assert.equal(await first.ended, 130);
  });

  test("after SIGKILL, resume goes on where it stopped, and counts nothing twice", async (t) => {
    const world = fakeWorld(t, QUICK);
    const first = startOther(world, SLOW, ...startLine(world));
    await untilText(first, COPYING);
    assert.match((await runIn(world, "get")).stdout, / Running +copy +/);
    first.child.kill("SIGKILL");
    await first.ended;
    assert.match((await runIn(world, "get")).stdout, / Running\(NoWorker\) +copy +none /);
    assert.match((await runIn(world, "describe")).stdout, /^State: +Running\(NoWorker\)$/m);
    const { code, stdout } = await runIn(world, "resume", "-q", "-o", "json");
    assert.equal(code, 0);
    const { status } = JSON.parse(stdout) as { status: { stages: { name: string; counts: object }[] } };
    assert.deepEqual(status.stages.find(({ name }) => name === "copy")?.counts, { copied: 400 });
  });

  test("whoever asked for something takes over when the driving process dies", async (t) => {
    const world = fakeWorld(t, QUICK);
    const first = startOther(world, SLOW, ...startLine(world));
    await untilText(first, COPYING);
    const second = runIn(world, "resume", "-q");
    await new Promise((resolve) => setTimeout(resolve, 500));
    first.child.kill("SIGKILL");
    assert.equal((await second).code, 0);
  });
});
