import { errorMessage, MigratorError } from "../../../errors.ts";

/** What Secrets Manager, KMS and STS answer when they know who asks and refuse it, or do not know. */
const denied = new Set([
  "AccessDeniedException",
  "AccessDenied",
  "DecryptionFailure",
  "EncryptionFailure",
  "UnrecognizedClientException",
  "InvalidClientTokenId",
  "InvalidSignatureException",
  "CredentialsProviderError",
]);

/**
 * Any failure to read or write the secret of a cluster: CLUSTER_SECRET_NOT_FOUND, CLUSTER_SECRET_DENIED, or
 * CLUSTER_SECRET_UNREACHABLE (retryable). MigratorErrors pass through unchanged.
 */
export function toSecretError(error: unknown, secretName: string): MigratorError {
  if (error instanceof MigratorError) return error;
  const name = error instanceof Error ? error.name : "";
  if (name === "ResourceNotFoundException") return notFound(secretName, "there is no such secret", error);
  if (isDeleted(error)) return notFound(secretName, "it is scheduled for deletion", error);
  const said = `${name}: ${errorMessage(error)}`;
  const options = { details: { secret: secretName, reason: name }, cause: error };
  if (denied.has(name)) {
    return new MigratorError("CLUSTER_SECRET_DENIED", `the secret ${secretName} may not be used (${said})`, {
      ...options,
      next: "Allow this identity to use the secret and its KMS key; docs/security.md lists what each one needs.",
    });
  }
  return new MigratorError(
    "CLUSTER_SECRET_UNREACHABLE",
    `the secret ${secretName} cannot be reached (${said})`,
    {
      ...options,
      next: "Wait; if it goes on, check the way to Secrets Manager (VPC endpoint, NAT) and its health.",
      retryable: true,
    },
  );
}

/** True when the secret still exists but is on its way out. */
export function isDeleted(error: unknown): boolean {
  return (
    error instanceof Error &&
    error.name === "InvalidRequestException" &&
    /marked (?:for deletion|as deleted)|scheduled for deletion/i.test(error.message)
  );
}

function notFound(secretName: string, problem: string, cause: unknown): MigratorError {
  return new MigratorError("CLUSTER_SECRET_NOT_FOUND", `the secret ${secretName}: ${problem}`, {
    next: "Add the cluster with `calico-migrator clusters add NAME --aws`.",
    details: { secret: secretName },
    cause,
  });
}
