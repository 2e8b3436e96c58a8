import { createHash } from "node:crypto";
import type { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { Clock, Connections } from "../../../engine/ports.ts";
import { MigratorError } from "../../../errors.ts";
import type { CalicoEtcd } from "../../../etcd/types.ts";
import type { ServerRules } from "../../../kubernetes/stored-kubeconfig-server.ts";
import { refusedAddressIn } from "../../../kubernetes/stored-kubeconfig-connection.ts";
import type { ClusterConnections } from "../../../migrations/connections.ts";
import { type CheckedClusterSecret, checkClusterSecret } from "./checked-secret.ts";
import { secretValuesOf } from "./cluster-secret.ts";
import type { EksCluster } from "./eks-cluster.ts";
import type { EksTokenSource } from "./eks-tokens.ts";
import { guarded } from "./guard.ts";
import { openCluster, type OpenedCluster, type OpenSettings } from "./open-cluster.ts";
import { type ClusterSecretVersion, readClusterSecret } from "./reader.ts";

/** How connections are opened, and where the secrets are. */
export interface SecretsManagerConnectionsOptions extends ServerRules {
  secrets: SecretsManagerClient;
  /** The clusters that need no secret: how to reach the one of this name; undefined for all others. */
  eks?: (cluster: string) => Promise<EksCluster | undefined>;
  /** Comes before a cluster's name in its secret's. */
  prefix: string;
  clock: Pick<Clock, "now">;
  /** How long a secret is used without being read again. At most, and by default, five minutes. */
  cacheMs?: number | undefined;
  /** The most requests under way at one API server. */
  concurrency: number;
  userAgent: string;
  eksToken: EksTokenSource;
  /** Is told every value that must not be seen, before it is used, and whose it is: one version of a cluster's secret. */
  learn?: (values: readonly string[], owner: string) => void;
  /** Is told of each owner whose values nobody works with any more. */
  forget?: (owner: string) => void;
  /** Opens a checked secret. Default: `openCluster`. */
  connect?: typeof openCluster;
}

/** One secret's version, opened. */
interface Opened {
  cluster: string;
  versionId: string;
  readAt: number;
  usedAt: number;
  opened: OpenedCluster;
}

const longestCacheMs = 300_000;
/** No function runs longer than this, so nobody still works with connections that were asked for before it. */
const longestUseMs = 900_000;

/** What tells that the secret does not fit the cluster any more. */
const refusals = new Set(["KUBERNETES_UNAUTHORIZED", "KUBERNETES_TLS", "ETCD_AUTH", "ETCD_TLS"]);

/**
 * Connections to clusters whose kubeconfigs and certificates are secrets of AWS Secrets Manager, and to EKS clusters, which need none.
 *
 *     open          the kept connections, unless their secret was read more than five minutes ago
 *     read again    same version: they stay; another one: new connections, and the old ones end once nobody can use them
 *     refused       by the API server: the secret is read at once and the request goes out again with what it says;
 *                   refused once more, or by etcd: CLUSTER_SECRET_REFUSED (retryable), and the next `open` reads it again
 *     values        are looked for in texts as long as connections, or anybody who read them, may still use them
 */
export class SecretsManagerConnections implements Connections<ClusterConnections> {
  readonly #options: SecretsManagerConnectionsOptions;
  readonly #cacheMs: number;
  readonly #current = new Map<string, Opened>();
  readonly #opening = new Map<string, Promise<Opened>>();
  readonly #all = new Set<Opened>();
  readonly #withoutSecret = new Set<string>();
  /** When values of an owner were last read: also of secrets that were never connected with. */
  readonly #learntAt = new Map<string, number>();

  constructor(options: SecretsManagerConnectionsOptions) {
    this.#options = options;
    this.#cacheMs = Math.min(options.cacheMs ?? longestCacheMs, longestCacheMs);
  }

  /**
   * Throws CLUSTER_SECRET_NOT_FOUND, CLUSTER_SECRET_DENIED, CLUSTER_SECRET_UNREACHABLE (retryable),
   * CLUSTER_SECRET_INVALID, CLUSTER_SECRET_REFUSED (retryable), SERVER_ADDRESS_REFUSED, EKS_CREDENTIALS (retryable), and
   * what else connecting throws.
   */
  async open(cluster: string): Promise<ClusterConnections> {
    await this.#closeUnused();
    const kept = this.#current.get(cluster);
    const isFresh = kept !== undefined && this.#now() - kept.readAt < this.#cacheMs;
    const opened = isFresh ? kept : await this.#refresh(cluster);
    opened.usedAt = this.#now();
    return opened.opened.connections;
  }

  /** Makes the next `open` read the cluster's secret again. */
  forget(cluster: string): void {
    const kept = this.#current.get(cluster);
    if (kept !== undefined) kept.readAt = -Infinity;
  }

  /** Closes everything that was opened. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#opening.values());
    const all = [...this.#all];
    this.#all.clear();
    this.#current.clear();
    await Promise.all(all.map(({ opened }) => opened.close()));
    for (const owner of this.#learntAt.keys()) this.#forgetValues(owner);
  }

  #now(): number {
    return this.#options.clock.now();
  }

  /** Callers at the same time share one reading. */
  #refresh(cluster: string): Promise<Opened> {
    const under = this.#opening.get(cluster);
    if (under !== undefined) return under;
    const opening = this.#readAndOpen(cluster).finally(() => this.#opening.delete(cluster));
    this.#opening.set(cluster, opening);
    return opening;
  }

  async #readAndOpen(cluster: string): Promise<Opened> {
    const readAt = this.#now();
    const { versionId, secret } = await this.#read(cluster);
    const kept = this.#current.get(cluster);
    if (kept?.versionId === versionId) {
      kept.readAt = readAt;
      return kept;
    }
    const opened = await this.#connect(cluster, secret, ownerOf(cluster, versionId));
    const entry = { cluster, versionId, readAt, usedAt: readAt, opened };
    this.#current.set(cluster, entry);
    this.#all.add(entry);
    return entry;
  }

  async #read(cluster: string): Promise<{ versionId: string; secret: CheckedClusterSecret }> {
    const { allowedServers, allowLoopback } = this.#options;
    const name = this.#secretName(cluster);
    const { versionId, secret } = await this.#stored(cluster, name);
    this.#learn(secretValuesOf(secret), ownerOf(cluster, versionId));
    return { versionId, secret: checkClusterSecret(name, secret, { allowedServers, allowLoopback }) };
  }

  /** What is registered without a secret is its own version. */
  async #stored(cluster: string, secretName: string): Promise<ClusterSecretVersion> {
    const eks = await this.#options.eks?.(cluster);
    if (eks === undefined) this.#withoutSecret.delete(cluster);
    else this.#withoutSecret.add(cluster);
    if (eks === undefined) return readClusterSecret(this.#options.secrets, secretName);
    const versionId = createHash("sha256").update(JSON.stringify(eks)).digest("hex");
    return { versionId, secret: { version: 1, eks } };
  }

  #learn(values: readonly string[], owner: string): void {
    this.#learntAt.set(owner, this.#now());
    this.#options.learn?.(values, owner);
  }

  #forgetValues(owner: string): void {
    this.#learntAt.delete(owner);
    this.#options.forget?.(owner);
  }

  async #connect(cluster: string, secret: CheckedClusterSecret, owner: string): Promise<OpenedCluster> {
    const { connect = openCluster } = this.#options;
    const translate = (error: unknown) => this.#translated(cluster, error);
    const renew = async () => (await this.#read(cluster)).secret;
    const { connections, close } = await connect(secret, renew, this.#settings(owner)).catch(
      (error: unknown) => {
        throw translate(error);
      },
    );
    const { kubernetes, limiter, etcd } = connections;
    let guardedEtcd: CalicoEtcd | undefined;
    return {
      connections: {
        kubernetes: guarded(kubernetes, translate),
        limiter,
        // One and the same for every caller: what is known of an etcd is kept by its client.
        etcd: () => (guardedEtcd ??= guarded(etcd(), translate)),
      },
      close,
    };
  }

  #settings(owner: string): OpenSettings {
    const { concurrency, userAgent, allowLoopback, eksToken } = this.#options;
    const learntToken: EksTokenSource = async (cluster, options) => {
      const token = await eksToken(cluster, options);
      this.#learn([token], owner);
      return token;
    };
    return { concurrency, userAgent, allowLoopback, eksToken: learntToken };
  }

  #translated(cluster: string, error: unknown): unknown {
    if (!(error instanceof MigratorError)) return error;
    if (!refusals.has(error.code)) return refusedAddressIn(error) ?? error;
    this.forget(cluster);
    return this.#withoutSecret.has(cluster)
      ? tokenRefused(cluster, error)
      : secretRefused(this.#secretName(cluster), cluster, error);
  }

  #secretName(cluster: string): string {
    return `${this.#options.prefix}${cluster}`;
  }

  async #closeUnused(): Promise<void> {
    const before = this.#now() - longestUseMs;
    for (const entry of this.#all) {
      if (entry.usedAt > before) continue;
      this.#all.delete(entry);
      if (this.#current.get(entry.cluster) === entry) this.#current.delete(entry.cluster);
      await entry.opened.close();
    }
    const used = new Set([...this.#all].map(({ cluster, versionId }) => ownerOf(cluster, versionId)));
    for (const [owner, at] of this.#learntAt) {
      if (at <= before && !used.has(owner)) this.#forgetValues(owner);
    }
  }
}

/** Whose values are learnt: a version has no `@`. */
function ownerOf(cluster: string, versionId: string): string {
  return `${cluster}@${versionId}`;
}

/** As `secretRefused`, for a cluster that is reached without one. */
function tokenRefused(cluster: string, cause: MigratorError): MigratorError {
  return new MigratorError(
    "CLUSTER_SECRET_REFUSED",
    `the EKS cluster "${cluster}" does not accept the functions' tokens: ${cause.message}`,
    {
      next: "Give the cluster access entries for the roles of the stack's outputs RunRoleArn, BatchRoleArn and RollbackRoleArn, or for the role of `clusters add --role-arn`; the run then goes on by itself, or by `resume` once it has failed.",
      retryable: true,
      details: { cluster, reason: cause.code },
      cause,
    },
  );
}

/** Retryable, so that a run waits for a while for the secret to be renewed, and then goes on by itself. */
function secretRefused(secretName: string, cluster: string, cause: MigratorError): MigratorError {
  return new MigratorError(
    "CLUSTER_SECRET_REFUSED",
    `the secret ${secretName} is not accepted: ${cause.message}`,
    {
      next: `Renew it with \`calico-migrator clusters add ${cluster} --replace --aws\` and the options that it was added with; the run then goes on by itself, or by \`resume\` once it has failed.`,
      retryable: true,
      details: { secret: secretName, reason: cause.code },
      cause,
    },
  );
}
