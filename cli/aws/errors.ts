import { errorMessage, MigratorError } from "../../shared/errors.ts";

const MISSING = /^(CredentialsProviderError|TokenProviderError)$/;
const INVALID =
  /^(ExpiredToken(Exception)?|InvalidClientTokenId|UnrecognizedClientException|InvalidSignatureException|SignatureDoesNotMatch|InvalidAccessKeyId|AuthFailure)$/;
const DENIED =
  /^(AccessDenied(Exception)?|UnauthorizedOperation|AuthorizationError|NotAuthorized(Exception)?)$/;
const UNREACHABLE =
  /^(TimeoutError|ENOTFOUND|ECONNREFUSED|ECONNRESET|EHOSTUNREACH|ENETUNREACH|ETIMEDOUT|EAI_AGAIN|EPIPE|CERT_.*|.*_CERTIFICATE|.*CERT_IN_CHAIN)$/;

/**
 * What a person can do about an error of an AWS client, in place of the error: AWS_CREDENTIALS_MISSING,
 * AWS_CREDENTIALS_INVALID, AWS_REGION_MISSING, AWS_DENIED (naming the action) or AWS_UNREACHABLE (retryable). Any other
 * error is given as it is, for whoever knows what it means.
 */
export function clearAwsError(error: unknown, call: { service: string; operation: string }): unknown {
  if (!(error instanceof Error) || error instanceof MigratorError) return error;
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  if (/region is missing/i.test(error.message)) return regionMissing(error);
  if (MISSING.test(error.name)) return credentialsMissing(error);
  if (INVALID.test(error.name)) return credentialsInvalid(error);
  if (DENIED.test(error.name) || statusOf(error) === 403) return denied(error, call);
  if (UNREACHABLE.test(error.name) || UNREACHABLE.test(code)) return unreachable(error, call, code);
  return error;
}

function statusOf(error: Error): number | undefined {
  const metadata: unknown = "$metadata" in error ? error.$metadata : undefined;
  if (typeof metadata !== "object" || metadata === null || !("httpStatusCode" in metadata)) return undefined;
  return typeof metadata.httpStatusCode === "number" ? metadata.httpStatusCode : undefined;
}

function credentialsMissing(cause: Error): MigratorError {
  return new MigratorError("AWS_CREDENTIALS_MISSING", `there are no AWS credentials: ${cause.message}`, {
    next: "Log in as for AWS's own tools (`aws sso login`, AWS_PROFILE, AWS_ACCESS_KEY_ID …); a profile of calico-migrator may name AWS's profile.",
    cause,
  });
}

function credentialsInvalid(cause: Error): MigratorError {
  return new MigratorError("AWS_CREDENTIALS_INVALID", `AWS does not accept the credentials (${cause.name})`, {
    next: "Renew them, for example by `aws sso login`, and run the command again.",
    cause,
  });
}

function regionMissing(cause: Error): MigratorError {
  return new MigratorError("AWS_REGION_MISSING", "no AWS region is known", {
    next: "Give --region, set AWS_REGION, or name the region in the profile.",
    cause,
  });
}

/** AWS names the action itself where it can; its message holds no secret. */
function denied(cause: Error, { service, operation }: { service: string; operation: string }): MigratorError {
  const [, action = `${service}:${operation}`] =
    /not authorized to perform: ([\w:*-]+)/.exec(cause.message) ?? [];
  return new MigratorError("AWS_DENIED", `AWS denies ${action}`, {
    next: "Use an identity with that right: the stack has managed policies for viewers, operators, those who add clusters and those who import backups.",
    details: { action },
    cause,
  });
}

function unreachable(
  cause: Error,
  { service, operation }: { service: string; operation: string },
  code: string,
): MigratorError {
  const why = code === "" ? errorMessage(cause) : code;
  return new MigratorError("AWS_UNREACHABLE", `${service} cannot be reached for ${operation}: ${why}`, {
    next: "Check the network, the region, proxies, and AWS_ENDPOINT_URL if it is set.",
    retryable: true,
    cause,
  });
}
