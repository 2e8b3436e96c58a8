import { MigratorError } from "../../errors.ts";

/** The file is a database of another program, or no database at all. */
export class StoreNotOursError extends MigratorError {
  override readonly name = "StoreNotOursError";
  constructor(path: string, cause?: unknown) {
    super("STORE_NOT_OURS", `the file "${path}" is not a store of calico-migrator`, {
      next: "Name another file with --store; this one is left as it is.",
      cause,
    });
  }
}

/** The file was a store, but its content is damaged. */
export class StoreCorruptError extends MigratorError {
  override readonly name = "StoreCorruptError";
  constructor(path: string, cause?: unknown) {
    super("STORE_CORRUPT", `the store "${path}" is damaged`, {
      next: "Check the disk, keep the file, and go on with a copy of the store from before the damage.",
      cause,
    });
  }
}

/** A cluster with this name is registered already. */
export class ClusterExistsError extends MigratorError {
  override readonly name = "ClusterExistsError";
  constructor(cluster: string) {
    super("CLUSTER_EXISTS", `a cluster "${cluster}" is registered already`, {
      next: "Choose another name, or remove that cluster first.",
    });
  }
}

/** No cluster with this name is registered. */
export class ClusterNotFoundError extends MigratorError {
  override readonly name = "ClusterNotFoundError";
  constructor(cluster: string) {
    super("CLUSTER_NOT_FOUND", `there is no cluster "${cluster}" in this store`, {
      next: "List the clusters with `calico-migrator clusters`.",
    });
  }
}

/** What is to be registered is not a cluster, or holds what only the user's own files may hold. */
export class ClusterInvalidError extends MigratorError {
  override readonly name = "ClusterInvalidError";
  constructor(field: string, reason: string) {
    super("CLUSTER_INVALID", `the cluster cannot be registered: ${field} ${reason}`, {
      next: "Mend that field; name files by their path, never by their content.",
      details: { field },
    });
  }
}
