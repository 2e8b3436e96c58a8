import assert from "node:assert/strict";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { describe, test } from "node:test";
import { aCheckpoint, aControl, anEvent, aRun, take } from "../../engine/contract/fixtures.ts";
import { StoreUnavailableError } from "../../engine/errors.ts";
import { MigratorError } from "../../errors.ts";
import { ManualClock } from "../../engine/testing/manual-clock.ts";
import { Database } from "./database.ts";
import { type Embedded, openEmbedded } from "./index.ts";
import { withStorePath } from "./testing/temporary-store.ts";

const clock = new ManualClock();

describe("opening a store", () => {
  test("creates it for its owner alone, in a folder for its owner alone", () =>
    withStorePath((path) => {
      const nested = join(dirname(path), "new", "folder", "store.db");

      openEmbedded(nested, { clock }).close();

      assert.equal(statSync(nested).mode & 0o777, 0o600);
      assert.equal(statSync(dirname(nested)).mode & 0o777, 0o700);
      assert.equal(statSync(dirname(dirname(nested))).mode & 0o777, 0o700);
    }));

  test("takes from others what they may do with an existing one", () =>
    withStorePath((path) => {
      openEmbedded(path, { clock }).close();
      chmodSync(path, 0o644);

      const store = openEmbedded(path, { clock });

      assert.equal(statSync(path).mode & 0o777, 0o600);
      assert.equal(statSync(`${path}-wal`).mode & 0o777, 0o600);
      store.close();
    }));

  test("waits for the disk, but with what need not outlive the machine", () =>
    withStorePath(async (path) => {
      const database = Database.open(path);
      const levels: unknown[] = [];
      const look = (): number => levels.push(database.get("PRAGMA synchronous")?.["synchronous"]);
      const fail = (): never => {
        throw new Error("no");
      };

      await database.write(look);
      await database.writeUnsynced(look);
      await assert.rejects(database.writeUnsynced(fail), { message: "no" });
      await database.write(look);

      // FULL is 2, NORMAL is 1.
      assert.deepEqual(levels, [2, 1, 2]);
      database.close();
    }));

  test("finds again what was stored", () =>
    withStorePath(async (path) => {
      const first = openEmbedded(path, { clock });
      await first.store.createRun(aRun(), aControl());
      first.close();

      const second = openEmbedded(path, { clock });

      assert.deepEqual(await second.store.getRun("r1"), aRun());
      second.close();
    }));

  test("takes an empty file, which a crash may have left", () =>
    withStorePath(async (path) => {
      writeFileSync(path, "");

      const embedded = openEmbedded(path, { clock });

      await embedded.store.createRun(aRun(), aControl());
      embedded.close();
    }));

  test("makes commits reach the disk", () =>
    withStorePath((path) => {
      openEmbedded(path, { clock }).close();

      const sqlite = new DatabaseSync(path);
      assert.deepEqual({ ...sqlite.prepare("PRAGMA journal_mode").get() }, { journal_mode: "wal" });
      sqlite.close();
    }));
});

describe("a file that is no store of ours", () => {
  const refused = (path: string, code: string): void => {
    const before = readFileSync(path);
    assert.throws(
      () => openEmbedded(path, { clock }),
      (error) => error instanceof MigratorError && error.code === code && error.message.includes(path),
    );
    assert.ok(before.equals(readFileSync(path)), "the file was changed");
  };

  test("is refused when it is no database", () =>
    withStorePath((path) => {
      writeFileSync(path, "just some text. ".repeat(1_000));

      refused(path, "STORE_NOT_OURS");
    }));

  for (const [what, sql] of Object.entries({
    "has tables of its own": "CREATE TABLE t (a)",
    "is marked by another program": "PRAGMA application_id = 42",
    "has a version, but no mark": "PRAGMA user_version = 1",
  })) {
    test(`is refused when it is a database that ${what}`, () =>
      withStorePath((path) => {
        const sqlite = new DatabaseSync(path);
        sqlite.exec(sql);
        sqlite.close();

        refused(path, "STORE_NOT_OURS");
      }));
  }

  for (const version of [0, 2, 99]) {
    test(`is refused when it is a store of schema version ${version}`, () =>
      withStorePath((path) => {
        openEmbedded(path, { clock }).close();
        const sqlite = new DatabaseSync(path);
        sqlite.exec(`PRAGMA user_version = ${version}`);
        sqlite.close();

        refused(path, "STORE_VERSION");
      }));
  }

  test("is refused when it was a store and is damaged", () =>
    withStorePath((path) => {
      openEmbedded(path, { clock }).close();
      const content = readFileSync(path);
      writeFileSync(path, content.fill(0xff, 100, 4_096));

      refused(path, "STORE_CORRUPT");
    }));
});

describe("a path that cannot be used", () => {
  test("is refused when it is a folder or a device, which stays as it is", () =>
    withStorePath((path) => {
      mkdirSync(path);

      for (const [place, what] of [
        [path, "folder"],
        ["/dev/null", "device"],
      ] as const) {
        const message = `the ${what} "${place}" is not a store of calico-migrator`;
        assert.throws(() => openEmbedded(place, { clock }), { code: "STORE_NOT_OURS", message });
      }
    }));

  test("is refused when a part of it is a file", () =>
    withStorePath((path) => {
      writeFileSync(path, "");

      assert.throws(() => openEmbedded(join(path, "store.db"), { clock }), { code: "STORE_UNAVAILABLE" });
    }));
});

describe("a store that another process does not let go", () => {
  test("is unavailable for writing, and can still be read", () =>
    withStorePath(async (path) => {
      const embedded = openEmbedded(path, { clock, busyTimeoutMs: 20 });
      await embedded.store.createRun(aRun(), aControl());
      const other = new DatabaseSync(path);
      other.exec("BEGIN IMMEDIATE");

      await assert.rejects(take(embedded.store), { code: "STORE_UNAVAILABLE", message: /busy/ });
      assert.deepEqual(await embedded.store.getRun("r1"), aRun());

      other.exec("ROLLBACK");
      assert.ok(await take(embedded.store));
      other.close();
      embedded.close();
    }));
});

describe("a transaction", () => {
  test("is undone as a whole when a part of it fails", () =>
    withStorePath(async (path) => {
      const { store, close } = openEmbedded(path, { clock });
      await store.createRun(aRun(), aControl());
      const lease = await take(store);

      await assert.rejects(store.saveRun(aRun({ attempt: 1 }), lease, [anEvent(1), anEvent(1)]));

      assert.deepEqual(await store.getRun("r1"), aRun());
      assert.deepEqual(await store.listEvents({ runId: "r1", after: 0, limit: 9 }), []);
      close();
    }));
});

describe("a full disk", () => {
  test("refuses what does not fit, keeps what was stored, and goes on when there is room", () =>
    withStorePath(async (path) => {
      const full = openEmbedded(path, { clock, maxPages: 100 });
      const lease = await take(full.store);

      const groups = await fill(full, lease);

      assert.ok(groups > 0);
      assert.deepEqual(await full.store.countCheckpoints("r1", "resources"), { pending: 20 * groups });
      full.close();
      const roomy = openEmbedded(path, { clock });
      assert.deepEqual(await roomy.store.putCheckpoints("r1", "resources", groupOf(groups), lease), []);
      roomy.close();
    }));

  test("leaves nothing of an artifact that does not fit", () =>
    withStorePath(async (path) => {
      const full = openEmbedded(path, { clock, maxPages: 100 });
      const kept = await full.artifacts.write("report", [Buffer.from("small")]);
      const big = Array.from({ length: 20 }, () => crypto.getRandomValues(new Uint8Array(60_000)));

      await assert.rejects(full.artifacts.write("report", big), { code: "STORE_UNAVAILABLE" });

      assert.deepEqual(await full.artifacts.list(""), [kept]);
      assert.deepEqual((await full.artifacts.write("second", [Buffer.alloc(100_000)])).bytes, 100_000);
      full.close();
    }));
});

function groupOf(group: number): ReturnType<typeof aCheckpoint>[] {
  const detail = { text: "x".repeat(200) };
  return Array.from({ length: 20 }, (_, i) => aCheckpoint(`k${group * 20 + i}`, { detail }));
}

/** Puts groups of 20 checkpoints until one is refused because the disk is full; returns how many were stored. */
async function fill({ store }: Embedded, lease: Awaited<ReturnType<typeof take>>): Promise<number> {
  for (let group = 0; group < 1_000; group += 1) {
    try {
      await store.putCheckpoints("r1", "resources", groupOf(group), lease);
    } catch (error) {
      assert.ok(error instanceof StoreUnavailableError);
      assert.match(error.message, /full/);
      return group;
    }
  }
  return assert.fail("the disk never got full");
}
