import { GetSecretValueCommand, type SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { type ClusterSecret, clusterSecretInvalid, parseClusterSecret } from "./cluster-secret.ts";
import { toSecretError } from "./errors.ts";

/** One version of a cluster's secret. */
export interface ClusterSecretVersion {
  versionId: string;
  secret: ClusterSecret;
}

/**
 * Reads the current version of a secret. Throws CLUSTER_SECRET_NOT_FOUND, CLUSTER_SECRET_DENIED,
 * CLUSTER_SECRET_UNREACHABLE (retryable) and CLUSTER_SECRET_INVALID.
 */
export async function readClusterSecret(
  secrets: SecretsManagerClient,
  secretName: string,
): Promise<ClusterSecretVersion> {
  const { SecretString: text, VersionId: versionId = "" } = await secrets
    .send(new GetSecretValueCommand({ SecretId: secretName }))
    .catch((error: unknown) => {
      throw toSecretError(error, secretName);
    });
  if (text === undefined) throw clusterSecretInvalid(secretName, "it is binary, not text");
  return { versionId, secret: parseClusterSecret(secretName, text) };
}
