import { errorMessage } from "../../errors.ts";
import { StoreUnavailableError } from "../../engine/errors.ts";
import { StoreCorruptError, StoreNotOursError } from "./errors.ts";

// Result codes of SQLite, https://www.sqlite.org/rescode.html; the low byte of an extended code is its primary code.
const unavailable: Readonly<Record<number, string>> = {
  3: "may not be accessed",
  5: "is kept busy by another process",
  6: "is kept busy by another process",
  8: "cannot be written",
  10: "cannot be read or written",
  13: "is full, or its disk is",
  14: "cannot be opened",
};
const corrupt = 11;
const notADatabase = 26;
const uniqueViolated = 2067;
const primaryKeyViolated = 1555;

/** Turns what SQLite says of a file into an error that a user can act on; anything else stays what it is. */
export function storeError(error: unknown, path: string): unknown {
  const code = resultCode(error);
  if (code === undefined) return error;
  const primary = code & 0xff;
  if (primary === notADatabase) return new StoreNotOursError(path, "file", error);
  if (primary === corrupt) return new StoreCorruptError(path, error);
  const reason = unavailable[primary];
  if (reason === undefined) return error;
  return new StoreUnavailableError(`the store "${path}" ${reason} (${errorMessage(error)})`, error);
}

/** True when a statement failed because a row with the same key or unique value exists. */
export function isUniqueViolation(error: unknown): boolean {
  const code = resultCode(error);
  return code === uniqueViolated || code === primaryKeyViolated;
}

/** True when another connection held the lock for which a statement would not wait. */
export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code !== undefined && (code & 0xff) === 5;
}

function resultCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errcode" in error)) return undefined;
  return typeof error.errcode === "number" ? error.errcode : undefined;
}
