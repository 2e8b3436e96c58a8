/** What a check found. */
export interface CheckResult {
  /** `unknown`: it could not be found out, which never blocks by itself. */
  status: "pass" | "fail" | "not-applicable" | "unknown";
  /** What was found, in one sentence. */
  message: string;
  /** The first of what is concerned, by name. */
  items?: readonly string[];
  /** How many are concerned, where that is more than `items` names. */
  count?: number;
}

/** What a failed check means: `blocking` stops the run, `consent` needs a person's yes before the lock, `warning` is told. */
export type Severity = "blocking" | "consent" | "warning";

/** What a check says of itself. */
export interface CheckTraits {
  /** Stable, kebab-case, the name of its file. */
  id: string;
  /** What must hold, as a sentence. */
  title: string;
  severity: Severity;
  /** What to do when it fails. */
  fix: string;
}

/** A result with what its check says of itself: what the plan shows, and what is recorded. */
export interface CheckReport extends CheckResult, CheckTraits {}

/** It holds. */
export function pass(message: string): CheckResult {
  return { status: "pass", message };
}

/** It does not hold; the check's severity says what that means. */
export function fail(message: string, items?: readonly string[], count?: number): CheckResult {
  return {
    status: "fail",
    message,
    ...(items === undefined ? {} : { items }),
    ...(count === undefined ? {} : { count }),
  };
}

/** There is nothing here that the check is about. */
export function notApplicable(message: string): CheckResult {
  return { status: "not-applicable", message };
}

/** It could not be found out. */
export function unknown(message: string): CheckResult {
  return { status: "unknown", message };
}
