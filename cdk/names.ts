/** The queues of work, which is sent again when it is lost. */
export const WORK_QUEUES = ["runs", "batches", "rollbacks"] as const;

/**
 * All queues; each has a dead-letter queue. Commands have one of their own: nobody sends them again, so they are tried for
 * longer than work is, and they wait behind none.
 */
export const QUEUE_NAMES = ["commands", ...WORK_QUEUES] as const;
export type QueueName = (typeof QUEUE_NAMES)[number];

/** `dead-letter` as the names of constructs and outputs spell it: `DeadLetter`. */
export function pascal(name: string): string {
  return name
    .split("-")
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join("");
}

/** One entry for each name. */
export function each<N extends string, T>(names: readonly N[], make: (name: N) => T): Record<N, T> {
  return Object.fromEntries(names.map((name) => [name, make(name)])) as Record<N, T>;
}

/** The commands that the bus takes. */
export const COMMANDS: readonly string[] = [
  "StartRun",
  "PauseRun",
  "ResumeRun",
  "ApproveRun",
  "AbandonRun",
  "ResolveConflicts",
  "RollbackRequested",
  "AbortRequested",
];
