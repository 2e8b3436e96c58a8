import type { Rank, TargetGroup } from "./kinds.ts";
import type { NodeNames } from "./node-names.ts";
import type { TargetObject, TargetRef } from "./target.ts";
import { NEWEST_CALICO, type TargetCalico } from "./versions/target-calico.ts";

/** What a conversion needs to know of the migration. */
export interface ForwardContext {
  readonly targetGroup: TargetGroup;
  readonly nodeNames: NodeNames;
  /** The target's Calico. Default: the newest that is known. */
  readonly calico?: TargetCalico;
}

/** The target's Calico; native projectcalico.org/v3 resources exist since the newest rules do. */
export function calicoOf({ calico, targetGroup }: ForwardContext): TargetCalico {
  if (calico === undefined) return NEWEST_CALICO;
  return targetGroup === "projectcalico.org/v3" ? { ...calico, rules: NEWEST_CALICO.rules } : calico;
}

/** The object that a key and its value become. */
export interface Carried {
  readonly outcome: "carry";
  /** The kind as KINDS names it, whatever the target group calls it. */
  readonly kind: string;
  readonly rank: Rank;
  readonly target: TargetRef;
  /** Ready to be written; integers beyond 2^53 are raw JSON (see exact-json.ts), so write it with JSON.stringify. */
  readonly object: TargetObject;
  /** SHA-256 of the stored bytes, hex. */
  readonly sourceHash: string;
  /** Members of the source that the target cannot hold, as clauses for people; left out when there are none. */
  readonly losses?: readonly string[];
}

/** Recomputed by the Kubernetes datastore: nothing to carry. */
export interface Derived {
  readonly outcome: "derived";
  readonly reason: string;
}

/** Of no use after the switch: nothing to carry. */
export interface Housekeeping {
  readonly outcome: "housekeeping";
  readonly reason: string;
}

/** Data that the Kubernetes datastore has no place for: it would be lost, so it needs consent. */
export interface Uncarriable {
  readonly outcome: "uncarriable";
  readonly code: string;
  readonly reason: string;
  readonly kind?: string;
  /** With the namespace before it, as in `shop/web`. */
  readonly name?: string;
}

/** Data that is broken, or that Kubernetes would refuse: it blocks the migration until it is put right. */
export interface Invalid {
  readonly outcome: "invalid";
  readonly code: string;
  readonly reason: string;
}

/** What becomes of a key of etcd and its value. */
export type Forwarded = Carried | Derived | Housekeeping | Uncarriable | Invalid;

/** How a converter says that a value does not become an object; `forward` turns it into the outcome. */
export class Refusal extends Error {
  readonly outcome: Derived | Uncarriable | Invalid;

  constructor(outcome: Derived | Uncarriable | Invalid) {
    super(outcome.reason);
    this.outcome = outcome;
  }
}

/** A refusal of broken data. Reasons name the member, never its content. */
export function invalid(code: string, reason: string): Refusal {
  return new Refusal({ outcome: "invalid", code, reason });
}
