import type { Readable, Writable } from "node:stream";
import type { Migration } from "../shared/engine/migration.ts";
import type { EnginePorts } from "../shared/engine/settings.ts";
import type { Clock } from "../shared/engine/ports.ts";
import type { RunRecord } from "../shared/engine/records.ts";
import type { ClusterConnections } from "../shared/migrations/connections.ts";
import type { OpenAws } from "./aws/stack.ts";
import type { OpenCluster } from "./connections.ts";

/** A stream that people or other programs read. */
export type Output = Writable & { isTTY?: boolean; columns?: number; rows?: number };

/** A stream that people or other programs write to. */
export type Input = Readable & { isTTY?: boolean };

/** Where the two sides of a finished or running migration differ in one resource. */
export interface Difference {
  kind: string;
  namespace?: string;
  /** The coordinates of the object in the target. */
  target: string;
  reason: string;
}

/** Compares both sides of a run now, without changing anything. */
export type CompareRun = (
  ports: EnginePorts<ClusterConnections>,
  connections: ClusterConnections,
  run: RunRecord,
) => AsyncIterable<Difference>;

/** Everything outside of the program, so that tests can stand in for it. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly clock: Clock;
  /** Who approves, as recorded. */
  readonly user: string;
  readonly version: string;
  readonly migrations: readonly Migration<ClusterConnections>[];
  /** By migration; those that cannot compare are left out. */
  readonly comparisons: Readonly<Record<string, CompareRun>>;
  readonly openCluster: OpenCluster;
  readonly openAws: OpenAws;
  /** Calls the listener whenever a person or the system asks the program to stop; returns what ends that. */
  onInterrupt(listener: () => void): () => void;
  /** Ends the process at once. */
  exit(code: number): void;
}
