import type { CheckReport, CheckTraits } from "../../preflight/check.ts";
import type { Facts } from "./facts.ts";

/** What a check found: all is well, a person should know, or the run must not start. */
export interface Verdict {
  verdict: "pass" | "warn" | "block";
  /** What was found, in one sentence, with names and values. */
  message: string;
  /** What is concerned, by name; all of it where that is bounded, otherwise the first. */
  items?: readonly string[];
  /** What to do about it, where that is more exact than the check's own `fix`. */
  next?: string;
}

/** One thing that must hold before the migration starts. It judges facts, and asks nobody. */
export interface Check extends CheckTraits {
  /** The worst that it can say. */
  severity: "blocking" | "warning";
  /** What goes wrong in a migration where it does not hold, in one or two sentences. */
  why: string;
  judge(facts: Facts): Verdict;
}

/** It holds. */
export function pass(message: string, items?: readonly string[]): Verdict {
  return { verdict: "pass", message, ...(items === undefined ? {} : { items }) };
}

/** It does not hold, and the run may start. */
export function warn(message: string, rest: Pick<Verdict, "items" | "next"> = {}): Verdict {
  return { verdict: "warn", message, ...rest };
}

/** It does not hold, and the run must not start. */
export function block(message: string, rest: Pick<Verdict, "items" | "next"> = {}): Verdict {
  return { verdict: "block", message, ...rest };
}

/** A check with its verdict, as plans show it and as it is recorded. */
export function reported(check: Check, { verdict, message, items, next }: Verdict): CheckReport {
  const { id, title, severity, fix } = check;
  return {
    id,
    title,
    severity: verdict === "warn" ? "warning" : severity,
    fix: next ?? fix,
    status: verdict === "pass" ? "pass" : "fail",
    message,
    ...(items === undefined ? {} : { items }),
  };
}
