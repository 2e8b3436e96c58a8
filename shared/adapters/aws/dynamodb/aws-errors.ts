import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import { ConditionalCheckFailedException, TransactionCanceledException } from "@aws-sdk/client-dynamodb";
import { errorMessage } from "../../../errors.ts";
import { StoreBusyError, StoreDeniedError, StoreNotFoundError, StoreUnreachableError } from "./errors.ts";

/** An item in an error; the document client leaves it as it came. */
export type RawItem = Record<string, AttributeValue>;

/** A condition that did not hold, with the item as it was; without one, there was none. */
export interface Refusal {
  item?: RawItem;
}

const THROTTLED: ReadonlySet<string> = new Set([
  "ProvisionedThroughputExceededException",
  "RequestLimitExceeded",
  "ThrottlingException",
  "TransactionInProgressException",
]);

const NETWORK: ReadonlySet<string> = new Set(["TimeoutError", "RequestTimeout", "NetworkingError"]);

/** Reasons of a cancelled transaction that say nothing of its conditions. */
const PASSING: ReadonlySet<string> = new Set([
  "TransactionConflict",
  "ThrottlingError",
  "ProvisionedThroughputExceeded",
]);

/** Why a transaction was cancelled: by conditions, action by action, or only because others were at it. */
export type Cancellation = { refusals: (Refusal | undefined)[]; passing: boolean };

/** What a cancelled transaction says; undefined for any other error, and for a cancellation that is our fault. */
export function cancellationOf(error: unknown): Cancellation | undefined {
  if (!(error instanceof TransactionCanceledException)) return undefined;
  const reasons = error.CancellationReasons ?? [];
  const codes = reasons.map(({ Code }) => Code ?? "None");
  const known = (code: string) => code === "None" || code === "ConditionalCheckFailed" || PASSING.has(code);
  if (codes.length === 0 || !codes.every(known)) return undefined;
  const refusals = reasons.map(({ Code, Item }) =>
    Code === "ConditionalCheckFailed" ? refusal(Item) : undefined,
  );
  return { refusals, passing: codes.some((code) => PASSING.has(code)) };
}

/** The refusal of a write of one item; undefined for any other error. */
export function refusalOf(error: unknown): Refusal | undefined {
  return error instanceof ConditionalCheckFailedException ? refusal(error.Item) : undefined;
}

/** True when the same request, sent again, may be answered. Whether it was carried out is not known. */
export function mayBeRepeated(error: unknown): boolean {
  return isThrottled(error) || isConflict(error) || isUnanswered(error);
}

/** What a user can act on, for an error of a request that was given up; anything else stays what it is. */
export function storeError(error: unknown, table: string, action: string): unknown {
  if (isThrottled(error) || isConflict(error)) return new StoreBusyError(action, error);
  if (isUnanswered(error)) return new StoreUnreachableError(table, errorMessage(error), error);
  const name = error instanceof Error ? error.name : "";
  if (name === "ResourceNotFoundException") return new StoreNotFoundError(table, error);
  if (name === "AccessDeniedException") return new StoreDeniedError(table, action, error);
  return error;
}

function refusal(item: RawItem | undefined): Refusal {
  return item === undefined || Object.keys(item).length === 0 ? {} : { item };
}

function isConflict(error: unknown): boolean {
  return error instanceof Error && error.name === "TransactionConflictException";
}

function isThrottled(error: unknown): boolean {
  return error instanceof Error && THROTTLED.has(error.name);
}

/** The connection failed, or the service did. */
function isUnanswered(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, $metadata, $fault } = error as {
    code?: unknown;
    $metadata?: { httpStatusCode?: number };
    $fault?: string;
  };
  if (NETWORK.has(error.name) || (typeof code === "string" && /^E[A-Z_]+$/.test(code))) return true;
  return $fault === "server" || ($metadata?.httpStatusCode ?? 0) >= 500;
}
