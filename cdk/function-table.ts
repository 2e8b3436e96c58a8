import type { FunctionName } from "../functions/bundle.ts";
import type { QueueName } from "./names.ts";

/** What one function is for and what it may touch: its permissions and its variables both come from here. */
export interface FunctionDuties {
  readonly description: string;
  /** The queues whose messages it takes. */
  readonly takes?: readonly QueueName[];
  /** The queues that it sends to. */
  readonly sends: readonly QueueName[];
  /** What of the table: everything that the engine does, leases and the removal of old runs, or what a run's end needs. */
  readonly table: "all" | "upkeep" | "runs";
  /** Clusters by their secrets, and artifacts of their migrations. */
  readonly clusters: boolean;
  /** State changes out. */
  readonly announces: boolean;
  /** One-off schedules that wake a run. */
  readonly schedules: boolean;
  /** The rollback of a cluster's run, which has an end. */
  readonly undoesClusters?: boolean;
  /** The dead-letter queues, to look through. */
  readonly deadLetters: boolean;
}

const WORKER = { table: "all", clusters: true, deadLetters: false } as const;
const SWEEPER = { clusters: false, schedules: false } as const;

/** Each function's duties. */
export const DUTIES: Readonly<Record<FunctionName, FunctionDuties>> = {
  run: {
    ...WORKER,
    description: "Advances runs, and takes commands",
    takes: ["runs", "commands"],
    undoesClusters: true,
    // Commands that undo, and those by which a paused undo goes on.
    sends: ["runs", "batches", "rollbacks"],
    announces: true,
    schedules: true,
  },
  batch: {
    ...WORKER,
    description: "Works on batches of resources",
    takes: ["batches"],
    sends: ["runs", "batches"],
    announces: false,
    schedules: false,
  },
  rollback: {
    ...WORKER,
    description: "Undoes runs, never behind forward work",
    takes: ["rollbacks"],
    undoesClusters: true,
    // Work that was under way forward is told that its run has turned.
    sends: ["runs", "batches", "rollbacks"],
    announces: true,
    schedules: true,
  },
  wake: {
    ...SWEEPER,
    description: "Sends again what runs are owed, so that a lost message only costs time; removes old runs",
    sends: ["runs", "batches", "rollbacks"],
    table: "upkeep",
    announces: false,
    deadLetters: false,
  },
  "dead-letter": {
    ...SWEEPER,
    description: "Looks through the dead-letter queues and tells runs why they stopped",
    sends: [],
    table: "runs",
    announces: true,
    deadLetters: true,
  },
};
