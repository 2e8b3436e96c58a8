import type { SQSRecord } from "aws-lambda";
import type { CommandRefusal } from "../../events/domain.ts";

/** Facts of a log line. Never a secret. */
export type Facts = Record<string, unknown>;

/** Writes log lines. Facts that were appended are on every further line until they are reset. */
export interface Log {
  info(message: string, facts?: Facts): void;
  warn(message: string, facts?: Facts): void;
  error(message: string, facts?: Facts): void;
  appendKeys(facts: Facts): void;
  resetKeys(): void;
}

/** What is counted; each has a metric of the same name, with the service as its only dimension. */
export type Counter =
  | "RunsStarted"
  | "RunsSucceeded"
  | "RunsRolledBack"
  | "RunsAborted"
  | "RunsFailed"
  | "BatchesDone"
  | "MessagesHandled"
  | "MessagesFailed"
  | "HopBudgetSpent"
  | "CommandsRefused"
  | "DeadLetters";

/** What is measured at a moment. */
export type Gauge = "LockAgeSeconds" | "StalledRuns";

/** Takes metrics; they are published when the invocation ends. */
export interface Meter {
  count(counter: Counter): void;
  gauge(gauge: Gauge, value: number): void;
}

/** What sees a function at work. */
export interface Observers {
  log: Log;
  meter: Meter;
  /** Is told every value that must not be seen, before it is used, and whose it is. */
  learn: (values: readonly string[], owner: string) => void;
  /** Is told of each owner whose values are not used any more. */
  forget: (owner: string) => void;
  /** Takes secrets out of a text. */
  redact: (text: string) => string;
}

/** How long a message under way stays hidden from others. */
export interface Visibility {
  /** Keeps the message hidden until disposal. */
  keepHidden(record: SQSRecord, signal: AbortSignal): AsyncDisposable;
  /** Shows a message that failed again after `ms`. */
  showAfter(record: SQSRecord, ms: number): Promise<void>;
}

/** Tells whoever listens on the bus of refused commands. */
export interface Refusals {
  tell(refusal: CommandRefusal): Promise<void>;
}
