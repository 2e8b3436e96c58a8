/** The queues of work; each has a dead-letter queue. */
export const QUEUE_NAMES = ["runs", "batches", "rollbacks"] as const;
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

/** The commands that the bus takes, and the queue that each goes to: rollbacks never wait behind forward work. */
export const COMMAND_QUEUES: Readonly<Record<string, QueueName>> = {
  StartRun: "runs",
  PauseRun: "runs",
  ResumeRun: "runs",
  ApproveRun: "runs",
  AbandonRun: "runs",
  ResolveConflicts: "runs",
  RollbackRequested: "rollbacks",
  AbortRequested: "rollbacks",
};
