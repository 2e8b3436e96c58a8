import { MigratorError } from "../../../errors.ts";

/** Errors that mean "later", whatever their HTTP status. */
const PASSING =
  /throttl|toomanyrequests|slowdown|limitexceeded|unavailable|internal|timeout|expiredtoken|requestexpired|requesttimetooskewed/i;
const DENIED =
  /accessdenied|unauthorized|notauthorized|forbidden|invalidclienttoken|unrecognizedclient|signaturedoesnotmatch|invalidaccesskey|credentials/i;
/** Their messages quote parts of the request's signature. */
const UNQUOTED = /signature|accesskey/i;

/** What the clients of AWS throw: errors of the service have metadata, those of the connection a code of Node. */
interface AwsError extends Error {
  $metadata?: { httpStatusCode?: number };
  code?: string;
}

/**
 * Runs a call of an AWS client; `action` completes the sentence "cannot ...". Throws AWS_UNAVAILABLE (retryable: a
 * throttled, failing or unreachable service), AWS_DENIED (permissions, credentials) or AWS_REFUSED (any other answer).
 * An error that is none of a service or a connection is thrown as it is.
 */
export async function callAws<T>(action: string, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    throw awsFailure(action, error);
  }
}

/** A service that did not do what it was asked although it may do so later. */
export function unavailable(action: string, reason: string, cause?: unknown): MigratorError {
  return new MigratorError("AWS_UNAVAILABLE", `cannot ${action}: ${reason}`, {
    next: "Nothing at first: it is tried again. If it goes on, look at the health of the service and at its quotas.",
    retryable: true,
    cause,
  });
}

/** A request that the service will never carry out as it is. */
export function refused(action: string, reason: string, cause?: unknown): MigratorError {
  return new MigratorError("AWS_REFUSED", `cannot ${action}: ${reason}`, {
    next: "Check that the stack is deployed as this version has it, and that the names in use are its outputs.",
    cause,
  });
}

/** A request that the role or user in use may not make. */
export function denied(action: string, reason: string, cause?: unknown): MigratorError {
  return new MigratorError("AWS_DENIED", `cannot ${action}: ${reason}`, {
    next: "Give the role or the user in use this permission, or renew its credentials.",
    cause,
  });
}

/** The HTTP status of an answer that reported a failure; undefined for failures without an answer. */
export function statusOf(error: unknown): number | undefined {
  return isAwsError(error) ? error.$metadata?.httpStatusCode : undefined;
}

/** What {@link callAws} throws for what an AWS client threw. */
export function awsFailure(action: string, error: unknown): unknown {
  if (error instanceof MigratorError || !isAwsError(error)) return error;
  const reason = UNQUOTED.test(error.name) ? error.name : `${error.name}: ${error.message}`;
  if (isPassing(error)) return unavailable(action, reason, error);
  if (!DENIED.test(error.name) && statusOf(error) !== 403) return refused(action, reason, error);
  return denied(action, reason, error);
}

function isPassing(error: AwsError): boolean {
  const status = statusOf(error);
  if (PASSING.test(error.name)) return true;
  if (status === undefined) return !DENIED.test(error.name);
  return status >= 500 || status === 429;
}

function isAwsError(error: unknown): error is AwsError {
  return (
    error instanceof Error &&
    ("$metadata" in error || "code" in error || /timeout|credentials/i.test(error.name))
  );
}
