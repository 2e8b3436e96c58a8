import { MigratorError } from "../../errors.ts";

/** The file is a database of another program, or no database at all. */
export class StoreNotOursError extends MigratorError {
  override readonly name = "StoreNotOursError";
  constructor(path: string, cause?: unknown) {
    super("STORE_NOT_OURS", `the file "${path}" is not a store of calico-migrator`, {
      next: "Name another file with --store; this one is left as it is.",
      cause,
    });
  }
}

/** The file was a store, but its content is damaged. */
export class StoreCorruptError extends MigratorError {
  override readonly name = "StoreCorruptError";
  constructor(path: string, cause?: unknown) {
    super("STORE_CORRUPT", `the store "${path}" is damaged`, {
      next: "Check the disk, keep the file, and go on with a copy of the store from before the damage.",
      cause,
    });
  }
}
