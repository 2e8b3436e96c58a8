import type { Command } from "../../events/commands.ts";
import type { RegisteredCluster } from "../../shared/adapters/aws/dynamodb/index.ts";
import type { ClusterSecret } from "../../shared/adapters/aws/secrets/cluster-secret.ts";
import type { ArtifactStore, CheckpointStore, Clock } from "../../shared/engine/ports.ts";
import type { AwsTarget } from "../target.ts";

/** The registry of clusters in the stack's table. */
export interface DeployedClusters {
  /** Throws CLUSTER_EXISTS when the name is taken, unless `replace` is set. */
  add(cluster: RegisteredCluster, options?: { replace?: boolean }): Promise<void>;
  get(name: string): Promise<RegisteredCluster | undefined>;
  /** By name. */
  list(): Promise<RegisteredCluster[]>;
  /** Throws CLUSTER_NOT_FOUND, and CLUSTER_BUSY while a run of the cluster has not ended. */
  remove(name: string): Promise<void>;
}

/** The secrets of clusters, by the cluster's name. */
export interface ClusterSecrets {
  /** Creates the secret, or gives it a new version. */
  put(cluster: string, secret: ClusterSecret): Promise<{ arn: string; versionId: string }>;
  /** Lets the secret be deleted once its recovery window has passed. */
  delete(cluster: string): Promise<void>;
  /** Connects to both sides once with what is to be stored. Throws what connecting throws. */
  probe(cluster: string, secret: ClusterSecret): Promise<void>;
}

/** What a stack has deployed, with the caller's own credentials. */
export interface AwsStack {
  /** Commands only read it. */
  readonly store: CheckpointStore;
  readonly artifacts: ArtifactStore;
  readonly clusters: DeployedClusters;
  readonly secrets: ClusterSecrets;
  /** Puts a command on the bus. Throws COMMAND_NOT_SENT where the bus refuses it. */
  publish(command: Command): Promise<void>;
  close(): void;
}

/**
 * Finds what a stack has deployed. Throws STACK_NOT_FOUND, STACK_INCOMPLETE, AWS_CREDENTIALS_MISSING, AWS_DENIED and
 * AWS_UNREACHABLE; so do the methods of what it gives.
 */
export type OpenAws = (
  target: AwsTarget,
  world: { clock: Clock; version: string; env: Readonly<Record<string, string | undefined>> },
) => Promise<AwsStack>;
