import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { ManualClock } from "../../engine/testing/manual-clock.ts";
import { holderName, openEmbedded } from "./index.ts";
import { withStorePath } from "./testing/temporary-store.ts";

const dayMs = 24 * 60 * 60 * 1000;
const BYTES = Buffer.from("content");

describe("an artifact that was damaged in the file", () => {
  const content = Buffer.alloc(600_000, "content ");
  const damages: Record<string, (sqlite: DatabaseSync) => void> = {
    "lost its end": (sqlite) => {
      sqlite.exec("DELETE FROM chunks WHERE chunk = 2");
    },
    "lost its middle": (sqlite) => {
      sqlite.exec("DELETE FROM chunks WHERE chunk = 1");
    },
    "has a chunk that cannot be decompressed": (sqlite) => {
      sqlite.exec("UPDATE chunks SET content = zeroblob(100) WHERE chunk = 1");
    },
    "has a chunk of something else": (sqlite) => {
      const other = gzipSync(Buffer.from("something else"));
      sqlite.prepare("UPDATE chunks SET content = ? WHERE chunk = 2").run(other);
    },
  };

  for (const [what, damage] of Object.entries(damages)) {
    test(`is never taken for whole when it ${what}`, () =>
      withStorePath(async (path) => {
        const { artifacts, close } = openEmbedded(path, { clock: new ManualClock() });
        await artifacts.write("backup", [content]);
        const sqlite = new DatabaseSync(path);
        damage(sqlite);
        sqlite.close();

        await assert.rejects(drain(artifacts.read("backup")), { code: "ARTIFACT_CORRUPT" });
        close();
      }));
  }

  test("is read in a copy of the store from before the damage, as the error says", () =>
    withStorePath(async (path) => {
      const { artifacts, close } = openEmbedded(path, { clock: new ManualClock() });
      await artifacts.write("backup", [content]);
      close();
      copyFileSync(path, `${path}.copy`);
      const sqlite = new DatabaseSync(path);
      damages["lost its end"]?.(sqlite);
      sqlite.close();
      const damaged = openEmbedded(path, { clock: new ManualClock() });
      await assert.rejects(drain(damaged.artifacts.read("backup")), {
        code: "ARTIFACT_CORRUPT",
        next: /in a copy of the store from before the damage/,
      });
      damaged.close();

      const copy = openEmbedded(`${path}.copy`, { clock: new ManualClock() });
      assert.deepEqual(Buffer.concat(await Array.fromAsync(copy.artifacts.read("backup"))), content);
      copy.close();
    }));
});

describe("artifacts that expire", () => {
  test("are those below the prefix that were written before, with their content; the others stay", () =>
    withStorePath(async (path) => {
      const clock = new ManualClock();
      const first = openEmbedded(path, { clock });
      for (const name of ["plans/again", "plans/old", "other"]) await first.artifacts.write(name, [BYTES]);
      clock.advance(7 * dayMs);
      const limit = clock.now();
      for (const name of ["plans/again", "plans/new"]) await first.artifacts.write(name, [BYTES]);
      await first.artifacts.expire("plans/", limit);
      const left = (await first.artifacts.list("")).map(({ name }) => name);
      assert.deepEqual(left, ["other", "plans/again", "plans/new"]);
      first.close();

      clock.advance(2 * dayMs);
      openEmbedded(path, { clock }).close();
      const sqlite = new DatabaseSync(path);
      const { rows } = sqlite.prepare("SELECT count(*) AS rows FROM artifacts").get() as { rows: number };
      sqlite.close();
      assert.equal(rows, 3);
    }));

  test("are a hundred at a time, the oldest first", () =>
    withStorePath(async (path) => {
      const clock = new ManualClock();
      const { artifacts, close } = openEmbedded(path, { clock });
      for (let one = 0; one < 101; one++) {
        await artifacts.write(`plans/${one}`, [BYTES]);
        clock.advance(1);
      }
      await artifacts.expire("plans/", clock.now());
      assert.deepEqual(
        (await artifacts.list("")).map(({ name }) => name),
        ["plans/100"],
      );
      await artifacts.expire("plans/", clock.now());
      assert.deepEqual(await artifacts.list(""), []);
      close();
    }));
});

describe("what is left of artifacts", () => {
  test("is compressed", () =>
    withStorePath(async (path) => {
      const { artifacts, close } = openEmbedded(path, { clock: new ManualClock() });
      await artifacts.write("backup", [Buffer.alloc(2_000_000, "a")]);

      assert.ok(sizeOf(path) < 20_000);
      close();
    }));

  test("goes, a day after it was replaced, when the store is opened, even if its writer has ended", () =>
    withStorePath(async (path) => {
      const clock = new ManualClock();
      const reopen = (): void => {
        openEmbedded(path, { clock }).close();
      };
      const { artifacts, close } = openEmbedded(path, { clock });
      await artifacts.write("backup", [crypto.getRandomValues(new Uint8Array(60_000))]);
      await artifacts.write("backup", [Buffer.from("small")]);
      close();
      setWriter(path, deadHolder());

      clock.advance(dayMs);
      reopen();
      assert.ok(sizeOf(path) > 60_000);
      clock.advance(1);
      reopen();
      assert.ok(sizeOf(path) < 100);
    }));

  test("goes as well when its writer stood still for more than a day; that writer fails", () =>
    withStorePath(async (path) => {
      const clock = new ManualClock();
      const { artifacts, close } = openEmbedded(path, { clock });
      async function* slow(): AsyncGenerator<Uint8Array> {
        yield Buffer.alloc(300_000);
        clock.advance(dayMs + 1);
        openEmbedded(path, { clock }).close();
        yield await Promise.resolve(Buffer.alloc(300_000));
      }

      await assert.rejects(artifacts.write("backup", slow()), { code: "STORE_UNAVAILABLE" });

      assert.deepEqual(await artifacts.list(""), []);
      assert.equal(sizeOf(path), 0);
      close();
    }));
});

async function drain(content: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const piece of content) assert.ok(piece.length > 0);
}

/** Bytes in all chunks, seen or unseen. */
function sizeOf(path: string): number {
  const sqlite = new DatabaseSync(path, { readOnly: true });
  try {
    return Number(sqlite.prepare("SELECT total(length(content)) AS n FROM chunks").get()?.["n"]);
  } finally {
    sqlite.close();
  }
}

function setWriter(path: string, writer: string): void {
  const sqlite = new DatabaseSync(path);
  sqlite.prepare("UPDATE artifacts SET writer = ?").run(writer);
  sqlite.close();
}

function deadHolder(): string {
  const { pid } = spawnSync(process.execPath, ["-e", ""]);
  return holderName().replace(`:${process.pid}:`, `:${pid}:`);
}
