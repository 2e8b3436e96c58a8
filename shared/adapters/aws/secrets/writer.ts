import {
  CreateSecretCommand,
  DeleteSecretCommand,
  PutSecretValueCommand,
  RestoreSecretCommand,
  type SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { MigratorError } from "../../../errors.ts";
import type { ServerRules } from "../../../kubernetes/stored-kubeconfig-server.ts";
import { checkClusterSecret } from "./checked-secret.ts";
import type { ClusterSecret } from "./cluster-secret.ts";
import { isDeleted, toSecretError } from "./errors.ts";

/** The tag that holds the cluster's name, for conditions of policies and for people. */
const clusterTag = "calico-migrator:cluster";
/** The most bytes that Secrets Manager keeps in one secret. */
const secretBytes = 65_536;
const recoveryDays = 7;

/** Which cluster's secret, and where. */
export interface ClusterSecretRef {
  secrets: SecretsManagerClient;
  /** Comes before the cluster's name in the secret's. */
  prefix: string;
  /** The name of the cluster. */
  name: string;
}

/** A secret to write. */
export interface NewClusterSecret extends ClusterSecretRef {
  secret: ClusterSecret;
  /** Encrypts a secret that does not exist yet; AWS's own key for Secrets Manager by default. */
  kmsKeyId?: string | undefined;
  /** The servers that the deployment will accept. */
  rules?: ServerRules | undefined;
}

/**
 * Stores the secret of a cluster: creates it, or gives it a new version, also where its deletion was scheduled. Throws
 * CLUSTER_NAME_INVALID, CLUSTER_SECRET_INVALID, CLUSTER_SECRET_TOO_LARGE, and what `toSecretError` gives.
 */
export async function putClusterSecret(
  wanted: NewClusterSecret,
): Promise<{ arn: string; versionId: string }> {
  const secretName = secretNameOf(wanted);
  checkClusterSecret(secretName, wanted.secret, wanted.rules);
  const text = JSON.stringify(wanted.secret);
  if (Buffer.byteLength(text) > secretBytes) throw tooLarge(secretName);
  try {
    const { ARN: arn = secretName, VersionId: versionId = "" } = await write(wanted, secretName, text);
    return { arn, versionId };
  } catch (error) {
    throw toSecretError(error, secretName);
  }
}

/**
 * Schedules the deletion of a cluster's secret; for seven days it can be restored. Does nothing where there is none or its
 * deletion is scheduled already. Throws CLUSTER_NAME_INVALID and what `toSecretError` gives.
 */
export async function deleteClusterSecret(ref: ClusterSecretRef): Promise<void> {
  const secretName = secretNameOf(ref);
  try {
    await ref.secrets.send(
      new DeleteSecretCommand({ SecretId: secretName, RecoveryWindowInDays: recoveryDays }),
    );
  } catch (error) {
    const known = toSecretError(error, secretName);
    if (known.code !== "CLUSTER_SECRET_NOT_FOUND") throw known;
  }
}

async function write(
  { secrets, name, kmsKeyId }: NewClusterSecret,
  secretName: string,
  text: string,
): Promise<{ ARN?: string | undefined; VersionId?: string | undefined }> {
  try {
    return await secrets.send(
      new CreateSecretCommand({
        Name: secretName,
        Description: `How calico-migrator reaches the cluster ${name}`,
        SecretString: text,
        KmsKeyId: kmsKeyId,
        Tags: [{ Key: clusterTag, Value: name }],
      }),
    );
  } catch (error) {
    if (isDeleted(error)) await secrets.send(new RestoreSecretCommand({ SecretId: secretName }));
    else if (!(error instanceof Error && error.name === "ResourceExistsException")) throw error;
    return secrets.send(new PutSecretValueCommand({ SecretId: secretName, SecretString: text }));
  }
}

function secretNameOf({ prefix, name }: ClusterSecretRef): string {
  // What Secrets Manager accepts in a name.
  if (/^[\w/+=.@-]{1,256}$/.test(name)) return `${prefix}${name}`;
  throw new MigratorError("CLUSTER_NAME_INVALID", `"${name}" cannot be the name of a secret`, {
    next: "Choose a name of letters, digits and / _ + = . @ - only, at most 256 of them.",
    details: { name },
  });
}

function tooLarge(secretName: string): MigratorError {
  const message = `the secret ${secretName} would be larger than ${secretBytes} bytes`;
  return new MigratorError("CLUSTER_SECRET_TOO_LARGE", message, {
    next: "Leave out the certificates of authorities that this cluster does not use.",
    details: { secret: secretName },
  });
}
