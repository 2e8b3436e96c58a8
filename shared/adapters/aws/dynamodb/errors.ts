import { MigratorError } from "../../../errors.ts";

/** Others write to the same records, or the table is throttled, for longer than is worth waiting. */
export class StoreBusyError extends MigratorError {
  override readonly name = "StoreBusyError";
  constructor(what: string, cause?: unknown) {
    super("STORE_BUSY", `the table is too busy for ${what}`, {
      next: "Nothing: it is tried again. If it lasts, look at the table's throttled requests.",
      retryable: true,
      cause,
    });
  }
}

/** The table gave no answer. */
export class StoreUnreachableError extends MigratorError {
  override readonly name = "StoreUnreachableError";
  constructor(table: string, reason: string, cause: unknown) {
    super("STORE_UNREACHABLE", `the table "${table}" gives no answer (${reason})`, {
      next: "Nothing: it is tried again. If it lasts, check the network, the region and the endpoint of DynamoDB.",
      retryable: true,
      cause,
    });
  }
}

/** There is no such table. */
export class StoreNotFoundError extends MigratorError {
  override readonly name = "StoreNotFoundError";
  constructor(table: string, cause: unknown) {
    super("STORE_NOT_FOUND", `there is no table "${table}" in this account and region`, {
      next: "Check the region and the stack's name; deploy the stack where it is missing.",
      details: { table },
      cause,
    });
  }
}

/** The credentials may not do this to the table. */
export class StoreDeniedError extends MigratorError {
  override readonly name = "StoreDeniedError";
  constructor(table: string, action: string, cause: unknown) {
    super("STORE_DENIED", `these credentials may not use dynamodb:${action} on the table "${table}"`, {
      next: "Give them that permission, and kms:Decrypt on the table's key; the stack's policies have both.",
      details: { table, action },
      cause,
    });
  }
}

/** A record is larger than an item of DynamoDB may be. */
export class RecordTooLargeError extends MigratorError {
  override readonly name = "RecordTooLargeError";
  constructor(runId: string, record: string, what: string) {
    super("RECORD_TOO_LARGE", `the ${record} of run "${runId}" cannot be kept: ${what}`, {
      next: "Make what it records smaller, for example by splitting that resource, or use the embedded store.",
      details: { runId, record },
    });
  }
}
