import { z } from "zod";
import { isEnd, type RunRecord } from "../../engine/records.ts";
import { ClusterBusyError } from "../../engine/errors.ts";
import type { Json, JsonObject } from "../../json.ts";
import type { Database, Row } from "./database.ts";
import { ClusterExistsError, ClusterInvalidError, ClusterNotFoundError } from "../cluster-errors.ts";
import { checkCluster, CLUSTER_FIELDS } from "../cluster-rules.ts";

/** A registered cluster. */
export interface Cluster {
  name: string;
  labels?: Record<string, string>;
  /** How to reach it: the path of a kubeconfig, a context, endpoints, paths of certificates. Never a file's content. */
  connection: JsonObject;
}

const clusterSchema = z.strictObject({
  ...CLUSTER_FIELDS,
  connection: z.record(z.string(), z.json()),
});

/** The registry of clusters, in the store's file. */
export class EmbeddedClusters {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Registers a cluster. Throws ClusterExistsError when the name is taken, unless `replace` is set, and
   * ClusterInvalidError for a bad name and for a connection that holds a secret instead of a path.
   */
  async add(cluster: Cluster, options: { replace?: boolean } = {}): Promise<void> {
    check(cluster);
    const conflict = options.replace === true ? "DO UPDATE SET cluster = excluded.cluster" : "DO NOTHING";
    const sql = `INSERT INTO clusters (name, cluster) VALUES (?, ?) ON CONFLICT (name) ${conflict}`;
    const text = JSON.stringify(cluster);
    const added = await this.#database.write(() => this.#database.run(sql, cluster.name, text));
    if (added === 0) throw new ClusterExistsError(cluster.name);
  }

  get(name: string): Promise<Cluster | undefined> {
    return this.#database.read(() => {
      const row = this.#database.get("SELECT cluster FROM clusters WHERE name = ?", name);
      return row && parseCluster(row);
    });
  }

  /** By name. */
  list(): Promise<Cluster[]> {
    return this.#database.read(() =>
      this.#database.all("SELECT cluster FROM clusters ORDER BY name").map(parseCluster),
    );
  }

  /** Throws ClusterNotFoundError, or ClusterBusyError while a run of the cluster has not ended: it could not go on. */
  remove(name: string): Promise<void> {
    return this.#database.write(() => {
      const sql = "SELECT record FROM runs WHERE cluster = ?";
      const runs = this.#database.all(sql, name).map((row) => JSON.parse(String(row["record"])) as RunRecord);
      const unfinished = runs.find((run) => !isEnd(run.state));
      if (unfinished !== undefined) throw new ClusterBusyError(name, unfinished.runId);
      if (this.#database.run("DELETE FROM clusters WHERE name = ?", name) === 0)
        throw new ClusterNotFoundError(name);
    });
  }
}

function check(cluster: Cluster): void {
  checkCluster(clusterSchema, cluster);
  checkPlain("connection", cluster.connection);
}

/** Paths, names and URLs are one line without a password; certificates, keys and kubeconfigs are not. */
function checkPlain(field: string, value: Json | undefined): void {
  if (typeof value === "string") {
    if (/[\r\n]/.test(value))
      throw new ClusterInvalidError(field, "holds a file's content instead of its path");
    if (/:\/\/[^/]*@/.test(value)) throw new ClusterInvalidError(field, "is a URL with a password in it");
  } else if (typeof value === "object" && value !== null) {
    for (const [name, member] of Object.entries(value)) checkPlain(`${field}.${name}`, member);
  }
}

function parseCluster(row: Row): Cluster {
  return JSON.parse(String(row["cluster"])) as Cluster;
}
