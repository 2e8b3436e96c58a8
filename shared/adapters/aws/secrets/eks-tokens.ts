import type { Clock } from "../../../engine/ports.ts";
import { errorMessage, MigratorError } from "../../../errors.ts";
import type { EksCluster } from "./eks-cluster.ts";
import { type AwsCredentials, signEksToken } from "./eks-token.ts";

/** The credentials that sign tokens: of the role where one is given, else of this process. Regions tell which STS to ask. */
export type EksCredentials = (
  cluster: Pick<EksCluster, "region" | "roleArn">,
) => Promise<AwsCredentials & { expiration?: Date | undefined }>;

/** Gives a bearer token for an EKS cluster; `renew` when the server has refused the last one. */
export type EksTokenSource = (cluster: EksCluster, options: { renew: boolean }) => Promise<string>;

/** A token is accepted for 15 minutes: this leaves time for slow requests and clocks that differ. */
const useMs = 10 * 60_000;

/** Signs tokens in this process and keeps each for ten minutes, or as long as the credentials that signed it are valid. */
export class EksTokens {
  readonly #credentials: EksCredentials;
  readonly #clock: Pick<Clock, "now">;
  readonly #tokens = new Map<string, { token: string; until: number }>();

  constructor(credentials: EksCredentials, clock: Pick<Clock, "now">) {
    this.#credentials = credentials;
    this.#clock = clock;
  }

  /** Throws EKS_CREDENTIALS (retryable) when no AWS credentials can be had or the role cannot be assumed. */
  readonly token: EksTokenSource = async (cluster, { renew }) => {
    const { clusterName, region, roleArn = "" } = cluster;
    const key = [clusterName, region, roleArn].join("\n");
    const kept = this.#tokens.get(key);
    const now = this.#clock.now();
    if (!renew && kept !== undefined && now < kept.until) return kept.token;
    const credentials = await this.#credentials(cluster).catch((error: unknown) => {
      throw noCredentials(cluster, error);
    });
    const token = await signEksToken({ clusterName, region, credentials, signedAt: new Date(now) });
    this.#tokens.set(key, {
      token,
      until: Math.min(now + useMs, credentials.expiration?.getTime() ?? Infinity),
    });
    return token;
  };
}

function noCredentials({ clusterName, roleArn }: EksCluster, cause: unknown): MigratorError {
  const how = roleArn === undefined ? "no AWS credentials" : `the role ${roleArn} cannot be assumed`;
  const name = cause instanceof Error ? cause.name : "";
  return new MigratorError(
    "EKS_CREDENTIALS",
    `EKS cluster ${clusterName}: ${how} (${name}: ${errorMessage(cause)})`,
    {
      next:
        roleArn === undefined
          ? "Give this process AWS credentials."
          : "Let the role trust this identity, and allow this identity sts:AssumeRole on it.",
      retryable: true,
      details: { clusterName, ...(roleArn !== undefined && { roleArn }), reason: name },
      cause,
    },
  );
}
