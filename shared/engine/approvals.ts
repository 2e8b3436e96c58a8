import { createHash } from "node:crypto";
import { canonicalJson, type Json } from "../json.ts";
import type { WaitRequest } from "./migration.ts";
import type { Approval } from "./records.ts";

/** How many digits of a fingerprint people see and type. */
const DIGITS = 12;
const MODULUS = 1n << 256n;

/** What a person is shown when a run asks for an approval. The approval holds for exactly this, and for nothing else. */
export interface Shown {
  message: string;
  /** How many things it is about, where they are counted. */
  count?: number;
  /** Differs as soon as anything differs that the approval would cover. */
  fingerprint: string;
}

/** Counts things and takes their fingerprint one by one, in whatever order they come: there may be too many to keep. */
export class Tally {
  #sum = 0n;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  get fingerprint(): string {
    return digest(`${this.#count} ${this.#sum.toString(16)}`).slice(0, DIGITS);
  }

  /** Adds a thing. Its JSON must differ from that of every other thing, and from its own before it changed. */
  add(thing: Json): void {
    this.#sum = (this.#sum + BigInt(`0x${digest(canonicalJson(thing))}`)) % MODULUS;
    this.#count += 1;
  }

  /** What was counted, as it is shown. */
  shown(message: string): Shown {
    return { message, count: this.#count, fingerprint: this.fingerprint };
  }
}

/** What is shown of these things: another thing, one less, or one that has changed is to be approved anew. */
export function shownThings(message: string, things: Iterable<Json>): Shown {
  const tally = new Tally();
  for (const thing of things) tally.add(thing);
  return tally.shown(message);
}

/** What is shown of a step that is the same whatever the cluster holds: only such a step can be approved in advance. */
export function shownAlways(subject: string, message: string): Shown {
  return { message, fingerprint: digest(`always ${subject}`).slice(0, DIGITS) };
}

/** Waits for a person's approval of what is shown. */
export function askFor(subject: string, shown: Shown, retryAfterMs = 0): WaitRequest {
  const { message, ...seen } = shown;
  return { reason: "Approval", message, subject, seen, retryAfterMs };
}

/** True when one of the approvals is of this subject, and of exactly what is shown now. */
export function isApproved(
  approvals: readonly Approval[],
  subject: string | undefined,
  fingerprint: string | undefined,
): boolean {
  return approvals.some((one) => one.subject === subject && one.fingerprint === fingerprint);
}

/** An approval as people write it: `uncarried@3f2a91c0d4e7`, or a subject alone. */
export function parseApproval(text: string): { subject: string; fingerprint?: string } {
  const at = text.lastIndexOf("@");
  return at < 0 ? { subject: text } : { subject: text.slice(0, at), fingerprint: text.slice(at + 1) };
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
