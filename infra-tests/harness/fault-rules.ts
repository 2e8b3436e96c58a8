import { Random } from "./seed/random.ts";

/** What goes wrong with a request. */
export type Fault =
  /** The proxy answers itself and the server never sees the request. */
  | { type: "answer"; status: number; retryAfterSeconds?: number }
  /** The request goes on after this time. */
  | { type: "delay"; ms: number }
  /** The connection is closed and the server never sees the request. */
  | { type: "dropBefore" }
  /** The server has carried out the request, then the connection is closed instead of the answer. */
  | { type: "dropAfter" }
  /** Neither answer nor end: the client has to give up by itself. The server never sees the request. */
  | { type: "stall" };

/** Which requests a fault is for, and how often. A rule without any limit is for all. */
export interface FaultRule {
  fault: Fault;
  /** HTTP methods. */
  methods?: readonly string[];
  /** A pattern that the path with its query must match. */
  path?: RegExp;
  /** How many of the first matching requests are spared. Default 0. */
  skip?: number;
  /** How many requests it hits before it is used up. Default without end. */
  count?: number;
  /** The share of matching requests that it hits, from 0 to 1. Default 1. */
  probability?: number;
  /** Makes another sequence of chances. Default 0. */
  seed?: number;
}

/** A rule in force. */
export interface ActiveRule {
  /** How many requests it has hit. */
  readonly hits: number;
  remove(): void;
}

/** The rules of a proxy: the first one that applies to a request decides. */
export class FaultRules {
  readonly #rules = new Set<(method: string, path: string) => Fault | undefined>();

  add(rule: FaultRule): ActiveRule {
    const random = new Random("fault", rule.seed ?? 0);
    let seen = 0;
    let hits = 0;
    const apply = (method: string, path: string) => {
      if (!matches(rule, method, path) || hits >= (rule.count ?? Infinity)) return undefined;
      seen++;
      if (seen <= (rule.skip ?? 0) || !random.chance(rule.probability ?? 1)) return undefined;
      hits++;
      return rule.fault;
    };
    this.#rules.add(apply);
    return {
      get hits() {
        return hits;
      },
      remove: () => void this.#rules.delete(apply),
    };
  }

  /** The fault for a request, if any. Counts it. */
  decide(method: string, path: string): Fault | undefined {
    for (const apply of this.#rules) {
      const fault = apply(method, path);
      if (fault !== undefined) return fault;
    }
    return undefined;
  }

  clear(): void {
    this.#rules.clear();
  }
}

function matches({ methods, path }: FaultRule, method: string, target: string): boolean {
  return (methods?.includes(method) ?? true) && (path?.test(target) ?? true);
}
