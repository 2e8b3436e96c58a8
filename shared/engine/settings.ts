import type { RetryPolicy } from "./backoff.ts";
import type { Migration } from "./migration.ts";
import type { ArtifactStore, CheckpointStore, Clock, Connections, EventSink, WorkSender } from "./ports.ts";

/** Everything the engine needs from outside. */
export interface EnginePorts<C> {
  store: CheckpointStore;
  queue: WorkSender;
  artifacts: ArtifactStore;
  events: EventSink;
  clock: Clock;
  connections: Connections<C>;
}

/** How this worker works. */
export interface EngineSettings {
  /** Names this worker in leases. */
  holder: string;
  /** How long a lease lasts without being renewed. Milliseconds. */
  leaseTtlMs: number;
  /** After how long a message for something that another worker holds is looked at again. Milliseconds. */
  busyDelayMs: number;
  retry: RetryPolicy;
}

/** The engine's parts, handed to its functions. */
export interface EngineParts<C> extends EnginePorts<C>, EngineSettings {
  migrations: ReadonlyMap<string, Migration<C>>;
}
