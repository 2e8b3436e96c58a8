import { MigratorError } from "../errors.ts";

/** A cluster with this name is registered already. */
export class ClusterExistsError extends MigratorError {
  override readonly name = "ClusterExistsError";
  constructor(cluster: string) {
    super("CLUSTER_EXISTS", `a cluster "${cluster}" is registered already`, {
      next: "Choose another name, or renew that cluster with --replace.",
    });
  }
}

/** No cluster with this name is registered. */
export class ClusterNotFoundError extends MigratorError {
  override readonly name = "ClusterNotFoundError";
  constructor(cluster: string) {
    super("CLUSTER_NOT_FOUND", `there is no cluster "${cluster}" registered`, {
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
