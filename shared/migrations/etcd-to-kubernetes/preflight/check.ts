import type { CheckResult, CheckTraits } from "../../preflight/check.ts";
import type { Context } from "../context.ts";
import type { Facts } from "./facts.ts";
import type { Inventory } from "./inventory.ts";

export {
  type CheckReport,
  type CheckResult,
  fail,
  notApplicable,
  pass,
  unknown,
} from "../../preflight/check.ts";

interface Traits extends CheckTraits {
  /** With severity `consent`: the subject to approve. */
  subject?: string;
}

/** A check of the connections and of what both sides are, before anything is read. */
export interface ConnectionCheck extends Traits {
  phase: "connections";
  run(facts: Facts, context: Context): Promise<CheckResult>;
}

/** A check of the resources, after all of them were read. */
export interface ResourceCheck extends Traits {
  phase: "resources";
  run(inventory: Inventory, context: Context): Promise<CheckResult>;
}

export type Check = ConnectionCheck | ResourceCheck;
