import { MigratorError } from "../errors.ts";

/** The worker's lease expired or was taken over: it must stop, somebody else goes on. */
export class LeaseLostError extends MigratorError {
  override readonly name = "LeaseLostError";
  constructor(lease: string) {
    super("LEASE_LOST", `the lease "${lease}" expired or was taken over by another worker`, {
      next: "Nothing: the worker that holds the lease goes on.",
      details: { lease },
    });
  }
}

/** A run with this id is there already. */
export class RunExistsError extends MigratorError {
  override readonly name = "RunExistsError";
  constructor(runId: string) {
    super("RUN_EXISTS", `a run "${runId}" exists already`, {
      next: `Choose another id, or look at this one with \`calico-migrator describe ${runId}\`.`,
    });
  }
}

/** No run has this id. */
export class RunNotFoundError extends MigratorError {
  override readonly name = "RunNotFoundError";
  constructor(runId: string) {
    super("RUN_NOT_FOUND", `there is no run "${runId}" in this store`, {
      next: "List the runs with `calico-migrator get`; name the store with --store if it is another file.",
    });
  }
}

/** Another unfinished run has changed the same cluster. */
export class ClusterBusyError extends MigratorError {
  override readonly name = "ClusterBusyError";
  constructor(cluster: string, runId: string) {
    super("CLUSTER_BUSY", `run "${runId}" is not finished on cluster "${cluster}"`, {
      next: `Finish it with \`calico-migrator resume ${runId}\`, or undo it with \`calico-migrator rollback ${runId}\`; then this can go on.`,
      details: { cluster, runId },
    });
  }
}

/** The run was saved by somebody else since it was read. */
export class RunChangedError extends MigratorError {
  override readonly name = "RunChangedError";
  constructor(runId: string, read: number, stored: number) {
    super(
      "RUN_CHANGED",
      `run "${runId}" is at version ${stored}, not ${read}: it was saved since it was read`,
      {
        next: "Read the run again and repeat the change.",
        retryable: true,
        details: { runId, read, stored },
      },
    );
  }
}

/** No artifact has this name. */
export class ArtifactNotFoundError extends MigratorError {
  override readonly name = "ArtifactNotFoundError";
  constructor(artifact: string) {
    super("ARTIFACT_NOT_FOUND", `there is no artifact "${artifact}"`, {
      next: "Name one that is there: `calico-migrator describe RUN` lists those of a run, `calico-migrator manifests` the manifests.",
    });
  }
}

/** An artifact's content is not what was written. */
export class ArtifactCorruptError extends MigratorError {
  override readonly name = "ArtifactCorruptError";
  constructor(artifact: string) {
    super("ARTIFACT_CORRUPT", `the artifact "${artifact}" does not have the hash that was recorded for it`, {
      next: "Use nothing of it. Check the disk, and read it in a copy of the store from before the damage; on AWS, put the older version of the object back, which the bucket keeps.",
    });
  }
}

/** The store cannot be opened, or cannot take more: the disk is full, or the file cannot be written. */
export class StoreUnavailableError extends MigratorError {
  override readonly name = "StoreUnavailableError";
  constructor(message: string, cause?: unknown) {
    super("STORE_UNAVAILABLE", message, {
      next: "Free space or mend the permissions, then `calico-migrator resume RUN`: nothing that was recorded is lost. If no run was begun, name another file with --store.",
      cause,
    });
  }
}

/** The store was written by a version that this one does not know. */
export class StoreVersionError extends MigratorError {
  override readonly name = "StoreVersionError";
  constructor(path: string, found: number, known: number) {
    super("STORE_VERSION", `the store "${path}" has schema version ${found}; this version knows ${known}`, {
      next: "Use the version of calico-migrator that wrote it, or name another file with --store.",
      details: { found, known },
    });
  }
}
