import type { Context } from "../context.ts";
import type { Facts } from "./facts.ts";
import type { Inventory } from "./inventory.ts";

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

interface CheckTraits {
  /** Stable, kebab-case, the name of its file. */
  id: string;
  /** What must hold, as a sentence. */
  title: string;
  severity: Severity;
  /** What to do when it fails. */
  fix: string;
  /** With severity `consent`: the subject to approve. */
  subject?: string;
}

/** A check of the connections and of what both sides are, before anything is read. */
export interface ConnectionCheck extends CheckTraits {
  phase: "connections";
  run(facts: Facts, context: Context): Promise<CheckResult>;
}

/** A check of the resources, after all of them were read. */
export interface ResourceCheck extends CheckTraits {
  phase: "resources";
  run(inventory: Inventory, context: Context): Promise<CheckResult>;
}

export type Check = ConnectionCheck | ResourceCheck;

/** A result with what its check says of itself: what the plan shows, and what is recorded. */
export interface CheckReport extends CheckResult {
  id: string;
  title: string;
  severity: Severity;
  fix: string;
}

export function pass(message: string): CheckResult {
  return { status: "pass", message };
}

export function fail(message: string, items?: readonly string[], count?: number): CheckResult {
  return {
    status: "fail",
    message,
    ...(items === undefined ? {} : { items }),
    ...(count === undefined ? {} : { count }),
  };
}

export function notApplicable(message: string): CheckResult {
  return { status: "not-applicable", message };
}

export function unknown(message: string): CheckResult {
  return { status: "unknown", message };
}
