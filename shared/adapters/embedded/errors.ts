import { MigratorError } from "../../errors.ts";

/** What is there is a database of another program, no database at all, or no file. */
export class StoreNotOursError extends MigratorError {
  override readonly name = "StoreNotOursError";
  constructor(path: string, what: "folder" | "file" | "device" = "file", cause?: unknown) {
    super("STORE_NOT_OURS", `the ${what} "${path}" is not a store of calico-migrator`, {
      next: "Name another file with --store; this one is left as it is.",
      cause,
    });
  }
}

/** The file lies where other machines can have it open, too. */
export class StoreOnNetworkError extends MigratorError {
  override readonly name = "StoreOnNetworkError";
  constructor(path: string, fileSystem: string) {
    super("STORE_ON_NETWORK", `the store "${path}" is on a network file system (${fileSystem})`, {
      next: "Keep it on a local disk: name a file there with --store. To go on with what is in it, copy it there while nobody works on it, and add --store-moved.",
      details: { fileSystem },
    });
  }
}

/** The file is a copy of a store whose run is not finished. */
export class StoreCopiedError extends MigratorError {
  override readonly name = "StoreCopiedError";
  constructor(path: string, runId: string) {
    super(
      "STORE_COPIED",
      `the store "${path}" was copied or moved here, and run "${runId}" in it is not finished: two stores must not work on one run`,
      {
        next: "Go on with the first file. Where that is used no more, repeat the command with --store-moved.",
        details: { runId },
      },
    );
  }
}

/** The file was a store, but its content is damaged. */
export class StoreCorruptError extends MigratorError {
  override readonly name = "StoreCorruptError";
  constructor(path: string, cause?: unknown) {
    super("STORE_CORRUPT", `the store "${path}" is damaged`, {
      next: "Check the disk, keep the file, and go on with a copy of the store from before the damage, with --store-moved.",
      cause,
    });
  }
}
