import type { Clock } from "../../engine/ports.ts";
import { EmbeddedArtifactStore } from "./artifact-store.ts";
import { EmbeddedCheckpointStore } from "./checkpoint-store.ts";
import { EmbeddedClusters } from "./clusters.ts";
import { Database, type DatabaseOptions } from "./database.ts";
import { EmbeddedEventSink } from "./event-sink.ts";
import { checkPlace } from "./place.ts";
import { EmbeddedWorkQueue } from "./work-queue.ts";

export type { Cluster } from "./clusters.ts";
export { holderName } from "./holder.ts";

/** Everything that the engine and the command line keep, in one file that several processes may have open at once. */
export interface Embedded {
  store: EmbeddedCheckpointStore;
  queue: EmbeddedWorkQueue;
  artifacts: EmbeddedArtifactStore;
  clusters: EmbeddedClusters;
  events: EmbeddedEventSink;
  /** Makes sure that work goes on in this file and no other, see {@link checkPlace}. Throws StoreCopiedError. */
  checkPlace: (moved: boolean) => void;
  /** Ends waiting receivers and closes the file. Nothing of the store may be used afterwards. */
  close: () => void;
}

/**
 * Opens the store at `path`, or creates it. Throws StoreNotOursError, StoreVersionError, StoreCorruptError,
 * StoreOnNetworkError or StoreUnavailableError, see {@link Database.open}.
 */
export function openEmbedded(path: string, options: { clock: Clock } & DatabaseOptions): Embedded {
  const database = Database.open(path, options);
  const queue = new EmbeddedWorkQueue(database, options.clock);
  const artifacts = new EmbeddedArtifactStore(database, options.clock);
  artifacts.removeGarbage();
  return {
    store: new EmbeddedCheckpointStore(database, options.clock),
    queue,
    artifacts,
    clusters: new EmbeddedClusters(database),
    events: new EmbeddedEventSink(),
    checkPlace: (moved) => {
      checkPlace(database, moved);
    },
    close: () => {
      queue.close();
      database.close();
    },
  };
}
