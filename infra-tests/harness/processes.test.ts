import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { isAlive } from "./lock-file.ts";
import { startServer } from "./processes.ts";
import { untilReady } from "./ready.ts";
import { removeFolder, temporaryFolder } from "./temporary-folder.ts";
import { waitUntil } from "./wait.ts";

function shell(folder: string, script: string) {
  return startServer({ name: "sh", path: "/bin/sh", args: ["-c", script], logFile: join(folder, "log") });
}

test("a server runs until it is ended, and its log can be read", async () => {
  const folder = temporaryFolder("test");
  const server = await shell(folder, "echo one; echo two; sleep 100");
  await waitUntil({ what: "both lines", timeoutMs: 60_000 }, () => server.logTail().includes("two"));
  assert.deepEqual([server.running(), server.logTail(1)], [true, "two"]);
  await server.end("SIGKILL");
  assert.equal(server.running(), false);
  removeFolder(folder);
});

test("a server sees nothing of this process's environment", async () => {
  const folder = temporaryFolder("test");
  process.env["SECRET_OF_THE_TEST"] = "secret";
  const server = await shell(folder, "env; echo done; sleep 100");
  await waitUntil({ what: "the environment", timeoutMs: 60_000 }, () => server.logTail().includes("done"));
  assert.doesNotMatch(server.logTail(), /SECRET_OF_THE_TEST/);
  await server.end("SIGKILL");
  removeFolder(folder);
});

test("a server that ends before it is ready fails at once and shows its log", async () => {
  const folder = temporaryFolder("test");
  const server = await shell(folder, "echo cannot bind; exit 1");
  await assert.rejects(
    untilReady(server, () => Promise.resolve(false)),
    /sh ended at once.*cannot bind/s,
  );
  removeFolder(folder);
});

test("a server that is not ready in time is killed", async () => {
  const folder = temporaryFolder("test");
  const server = await shell(folder, "sleep 100");
  await assert.rejects(
    untilReady(server, () => Promise.resolve(false), 50),
    /not within 50 ms/,
  );
  assert.equal(isAlive(server.pid), false);
  removeFolder(folder);
});

test("processes with their children, and folders, are gone after this process was SIGKILLed", async () => {
  const url = (file: string) => JSON.stringify(join(import.meta.dirname, file));
  const script = `
    import { startServer } from ${url("processes.ts")};
    import { temporaryFolder } from ${url("temporary-folder.ts")};
    const folder = temporaryFolder("orphan");
    const kept = await startServer({ name: "sh", path: "/bin/sh", args: ["-c", "sleep 100 & echo $!; wait"],
      logFile: folder + "/log" });
    const ended = await startServer({ name: "sh", path: "/bin/sh", args: ["-c", "sleep 100"], logFile: folder + "/2" });
    await ended.end("SIGKILL");
    while (kept.logTail() === "") await new Promise(setImmediate);
    console.log(JSON.stringify({ folder, pids: [kept.pid, Number(kept.logTail())] }));
    setInterval(() => {}, 1000);
  `;
  const parent = spawn(process.execPath, ["--input-type=module-typescript", "-e", script]);
  const [line] = (await parent.stdout.take(1).toArray()) as [Buffer];
  const { folder, pids } = JSON.parse(line.toString()) as { folder: string; pids: number[] };
  assert.deepEqual(pids.map(isAlive), [true, true]);
  parent.kill("SIGKILL");
  await waitUntil({ what: "all gone", timeoutMs: 60_000 }, () => !pids.some(isAlive) && !existsSync(folder));
});
