import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline/promises";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { aControl, aRun, ttlMs } from "../../engine/contract/fixtures.ts";
import { SystemClock } from "../system-clock.ts";
import { type Embedded, holderName, openEmbedded } from "./index.ts";
import { withStorePath } from "./testing/temporary-store.ts";

const program = fileURLToPath(new URL("testing/other-process.ts", import.meta.url));

describe("a store that several processes have open", { timeout: 120_000 }, () => {
  test("can be created by all of them at the same moment", () =>
    withStorePath(async (path) => {
      const exits = await Promise.all([1, 2, 3, 4].map(() => finished(start("open", path))));

      assert.deepEqual(exits, [0, 0, 0, 0]);
      await withEmbedded(path, ({ store }) => store.createRun(aRun(), aControl()));
    }));

  test("takes writes of all of them, and loses none", () =>
    withStorePath((path) =>
      withEmbedded(path, async ({ store }) => {
        await store.createRun(aRun(), aControl());
        const others = [start("write", path), start("write", path)];
        await Promise.all(others.map(nextLine));
        for (const { stdin } of others) stdin.end("go on\n");

        assert.deepEqual(await Promise.all(others.map(finished)), [0, 0]);

        assert.equal((await store.getControl("r1"))?.retries, 400);
        for (const { pid } of others) {
          assert.deepEqual(await store.countCheckpoints("r1", `ledger ${pid}`), { pending: 200 });
        }
      }),
    ));

  test("carries messages from each to the other", () =>
    withStorePath((path) =>
      withEmbedded(path, async ({ queue }) => {
        const other = start("answer", path);
        await nextLine(other);

        await queue.send([{ message: { type: "run.advance", runId: "ping" } }]);
        const query = { max: 1, visibilityMs: 1_000, waitMs: 60_000, runId: "pong" };
        const [answer] = await queue.receive(query);

        assert.deepEqual(answer?.message, { type: "run.advance", runId: "pong" });
        assert.equal(await finished(other), 0);
      }),
    ));
});

describe("a store whose writer is killed", { timeout: 120_000 }, () => {
  test("has everything that was acknowledged, and every group whole; the lease is free at once", () =>
    withStorePath(async (path) => {
      for (const lines of [1, 7, 40]) {
        const { token, groups } = await killAfter(path, lines);

        await withEmbedded(path, async ({ store }) => {
          const { pending = 0 } = await store.countCheckpoints("r1", `ledger ${token}`);
          assert.ok(pending >= 10 * groups, `${pending} checkpoints of ${groups} acknowledged groups`);
          assert.equal(pending % 10, 0);
          const lease = await store.acquireLease("run/killed", holderName(), ttlMs);
          assert.ok(lease);
          assert.equal(lease.token, token + 1);
          await store.releaseLease(lease);
        });
      }
    }));

  test("shows nothing of the artifact that was being written, and keeps nothing of it", () =>
    withStorePath(async (path) => {
      const other = start("write artifact", path);
      await nextLine(other);
      assert.ok(countChunks(path) > 0);
      await kill(other);

      await withEmbedded(path, async ({ artifacts }) => {
        assert.deepEqual(await artifacts.list(""), []);
      });
      assert.equal(countChunks(path), 0);
    }));

  test("leaves the artifact of a writer alone that lives", () =>
    withStorePath(async (path) => {
      const other = start("write artifact", path);
      await nextLine(other);

      await withEmbedded(path, async ({ artifacts }) => {
        assert.deepEqual(await artifacts.list(""), []);
        other.stdin.end("go on\n");
        assert.equal(await finished(other), 0);
        assert.equal((await artifacts.find("backup"))?.bytes, 1_200_000);
      });
    }));
});

function start(role: string, path: string): ChildProcessWithoutNullStreams {
  const child = spawn(process.execPath, [program, role, path]);
  child.stderr.pipe(process.stderr);
  return child;
}

async function finished(child: ChildProcessWithoutNullStreams): Promise<unknown> {
  if (child.exitCode !== null) return child.exitCode;
  const [code] = (await once(child, "exit")) as unknown[];
  return code;
}

/** Kills a process and waits until it is no more; the end of its output comes earlier. */
async function kill(child: ChildProcessWithoutNullStreams): Promise<void> {
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

async function nextLine(child: ChildProcessWithoutNullStreams): Promise<string> {
  const [line] = (await once(createInterface(child.stdout), "line")) as [string];
  return line;
}

/** Kills a process that writes groups of checkpoints, once it has said `lines` lines. */
async function killAfter(path: string, lines: number): Promise<{ token: number; groups: number }> {
  const child = start("write for ever", path);
  let said: number[] = [];
  let killed: Promise<void> | undefined;
  for await (const line of createInterface(child.stdout)) {
    said = line.split(" ").map(Number);
    if (said[1] === lines - 1) killed = kill(child);
  }
  await killed;
  const [token = 0, group = 0] = said;
  return { token, groups: group + 1 };
}

async function withEmbedded(path: string, body: (embedded: Embedded) => Promise<unknown>): Promise<void> {
  const embedded = openEmbedded(path, { clock: new SystemClock() });
  try {
    await body(embedded);
  } finally {
    embedded.close();
  }
}

function countChunks(path: string): number {
  const sqlite = new DatabaseSync(path, { readOnly: true });
  try {
    return Number(sqlite.prepare("SELECT count(*) AS n FROM chunks").get()?.["n"]);
  } finally {
    sqlite.close();
  }
}
