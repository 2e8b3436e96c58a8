import { ClusterBusyError } from "../../shared/engine/errors.ts";
import type { ConnectionFlags } from "../options/connection.ts";
import type { MigrationFlags } from "../options/migrations/index.ts";
import { allRuns, isUnfinished } from "../runs.ts";
import type { Session } from "../session.ts";

/** What a command line says of a run that is to be started. */
export type StartWay = ConnectionFlags & MigrationFlags;

/** A run that could be started: everything that can be checked without recording anything is checked. */
export interface Prepared {
  cluster: string;
  options: object;
  /** Records what the run will need. */
  register(): Promise<void>;
}

/** Throws ClusterBusyError: another run that has changed the cluster would make a new one fail when it wants to change it too. */
export async function refuseBusy({ store }: Pick<Session, "store">, cluster: string): Promise<void> {
  for await (const run of allRuns(store, cluster)) {
    if (run.holdsCluster && isUnfinished(run)) throw new ClusterBusyError(cluster, run.runId);
  }
}
