import { chmodSync, closeSync, mkdirSync, openSync, type Stats, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { StoreUnavailableError, StoreVersionError } from "../../engine/errors.ts";
import { errorMessage } from "../../errors.ts";
import { StoreNotOursError, StoreOnNetworkError } from "./errors.ts";
import { networkFileSystem } from "./file-system.ts";
import { addedColumns, applicationId, schema, schemaVersion } from "./schema.ts";
import { isBusy, storeError } from "./sqlite-errors.ts";

/** How long a statement waits, unless told otherwise, for another process to end its transaction. */
const defaultBusyTimeoutMs = 15_000;

/**
 * A commit is on the disk when it returns, unless it is told not to wait for that. The rest is for speed: a cache of 4 MiB, and
 * a log that is carried over into the file every 16 MiB, since pages that change often are then written once.
 */
const settings = {
  synchronous: "FULL",
  cache_size: -4_096,
  wal_autocheckpoint: 4_000,
  journal_size_limit: 64 * 1024 * 1024,
};

/** What SQLite gives for one row. */
export type Row = Record<string, SQLOutputValue>;

/** Options of {@link Database.open}. */
export interface DatabaseOptions {
  /** The most pages that the file may have (a page is 4 KiB); without it, as many as the disk takes. */
  maxPages?: number;
  /** How long a statement waits for another process to end its transaction. Milliseconds, 15,000 by default. */
  busyTimeoutMs?: number;
}

/**
 * One connection to the store's file. Work runs in transactions: durable when their promise resolves, undone as a whole
 * when `work` throws. `work` must be synchronous, so transactions of one process never interleave.
 */
export class Database {
  readonly path: string;
  readonly #sqlite: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  private constructor(path: string, sqlite: DatabaseSync) {
    this.path = path;
    this.#sqlite = sqlite;
  }

  /**
   * Opens the store, or creates it (mode 0600, in a folder that is created with 0700 where it is missing). Takes from
   * others what they may do with an existing one.
   *
   * Throws StoreNotOursError for a file of something else, a folder or a device, which it leaves unchanged, StoreVersionError for
   * a store with another schema, StoreCorruptError for a damaged one, StoreOnNetworkError for one that other machines can have
   * open, and StoreUnavailableError where the file cannot be used.
   */
  static open(file: string, options: DatabaseOptions = {}): Database {
    const path = resolve(file);
    const timeout = options.busyTimeoutMs ?? defaultBusyTimeoutMs;
    const fileSystem = networkFileSystem(path);
    if (fileSystem !== undefined) throw new StoreOnNetworkError(path, fileSystem);
    refuseWhatIsNoFile(path);
    createFile(path);
    const sqlite = guarded(
      path,
      () => new DatabaseSync(path, { timeout, enableForeignKeyConstraints: false }),
    );
    try {
      const database = new Database(path, sqlite);
      guarded(path, () => {
        database.#prepareFile(timeout, options.maxPages);
      });
      narrow(path);
      return database;
    } catch (error) {
      sqlite.close();
      throw error;
    }
  }

  /** Runs `work` in a transaction that may write; no other process writes in between. */
  write<T>(work: () => T): Promise<T> {
    return settle(() => this.writeNow(work));
  }

  /**
   * As {@link Database.write}, without waiting for the disk: for what may be lost when the machine stops, though never when a
   * process does. What is written durably later is never there without it.
   */
  writeUnsynced<T>(work: () => T): Promise<T> {
    return settle(() => {
      this.#sqlite.exec("PRAGMA synchronous = NORMAL");
      try {
        return this.writeNow(work);
      } finally {
        this.#sqlite.exec("PRAGMA synchronous = FULL");
      }
    });
  }

  /** As {@link Database.write}, at once. */
  writeNow<T>(work: () => T): T {
    return this.#transaction("BEGIN IMMEDIATE", work);
  }

  /** Runs `work` on one consistent state of the store. */
  read<T>(work: () => T): Promise<T> {
    return settle(() => this.#transaction("BEGIN", work));
  }

  /** The first row of a query. */
  get(sql: string, ...values: SQLInputValue[]): Row | undefined {
    return this.#statement(sql).get(...values);
  }

  /** All rows of a query; the query bounds their number. */
  all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...values);
  }

  /** Runs a statement; returns how many rows it changed. */
  run(sql: string, ...values: SQLInputValue[]): number {
    return Number(this.#statement(sql).run(...values).changes);
  }

  close(): void {
    this.#statements.clear();
    this.#sqlite.close();
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#sqlite.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #transaction<T>(begin: string, work: () => T): T {
    return guarded(this.path, () => {
      this.run(begin);
      try {
        const result = work();
        this.run("COMMIT");
        return result;
      } catch (error) {
        // SQLite rolls back by itself after some errors, such as a full disk.
        if (this.#sqlite.isTransaction) this.run("ROLLBACK");
        throw error;
      }
    });
  }

  /** Looks at the file before it changes anything, so that a file of something else stays as it was. */
  #prepareFile(timeoutMs: number, maxPages: number | undefined): void {
    this.#transaction("BEGIN", () => this.#checkOwner());
    this.#useWriteAheadLog(timeoutMs);
    for (const [name, value] of Object.entries(settings)) this.#sqlite.exec(`PRAGMA ${name} = ${value}`);
    if (maxPages !== undefined) this.#sqlite.exec(`PRAGMA max_page_count = ${maxPages}`);
    this.#transaction("BEGIN IMMEDIATE", () => {
      if (this.#checkOwner() === "ours") {
        this.#addColumns();
        return;
      }
      this.#sqlite.exec(schema);
      this.#sqlite.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${schemaVersion}`);
    });
  }

  #addColumns(): void {
    for (const { table, column, type } of addedColumns) {
      const known = this.#sqlite.prepare("SELECT name FROM pragma_table_info(?)").all(table);
      if (known.some(({ name }) => name === column)) continue;
      this.#sqlite.exec(`ALTER TABLE ${table} ADD COLUMN ${column} ${type}`);
    }
  }

  #checkOwner(): "empty" | "ours" {
    const owner = this.#pragma("application_id");
    const version = this.#pragma("user_version");
    if (owner === applicationId && version === schemaVersion) return "ours";
    if (owner === applicationId) throw new StoreVersionError(this.path, version, schemaVersion);
    const tables = this.#sqlite.prepare("SELECT count(*) AS n FROM sqlite_schema").get()?.["n"];
    if (owner !== 0 || version !== 0 || tables !== 0) throw new StoreNotOursError(this.path);
    return "empty";
  }

  #pragma(name: string): number {
    return Number(this.#sqlite.prepare(`PRAGMA ${name}`).get()?.[name]);
  }

  /** SQLite does not wait for its lock here when two processes open a new file at the same moment, so this does. */
  #useWriteAheadLog(timeoutMs: number): void {
    const end = Date.now() + timeoutMs;
    for (;;) {
      try {
        this.#sqlite.exec("PRAGMA journal_mode = WAL");
        return;
      } catch (error) {
        if (!isBusy(error) || Date.now() > end) throw error;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
      }
    }
  }
}

function refuseWhatIsNoFile(path: string): void {
  const found = lookAt(path);
  if (found === undefined || found.isFile()) return;
  throw new StoreNotOursError(path, found.isDirectory() ? "folder" : "device");
}

/** Undefined where nothing is, or where that cannot be told: then the file cannot be opened either. */
function lookAt(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function createFile(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    closeSync(openSync(path, "a", 0o600));
  } catch (error) {
    throw new StoreUnavailableError(`the store "${path}" cannot be opened (${errorMessage(error)})`, error);
  }
}

/** SQLite gives the files beside it the mode that it has. */
function narrow(path: string): void {
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    try {
      if ((statSync(file).mode & 0o077) !== 0) chmodSync(file, 0o600);
    } catch {
      // It is not there, or somebody else's, who decides about it.
    }
  }
}

function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw storeError(error, path);
  }
}

function settle<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => {
    resolve(work());
  });
}
