import { createHash } from "node:crypto";

/** Pseudo-random choices that depend on nothing but the words they were made from. */
export class Random {
  #state: number;

  /** The same words always give the same sequence; any other word gives another one. */
  constructor(...words: readonly (string | number)[]) {
    // FNV-1a: cheap enough to make one generator per resource.
    let hash = 0x811c9dc5;
    for (const character of words.join("/")) hash = Math.imul(hash ^ character.charCodeAt(0), 0x01000193);
    this.#state = hash >>> 0;
  }

  /** A number in [0, 1), by Mulberry32. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number in [0, below). */
  below(below: number): number {
    return Math.floor(this.next() * below);
  }

  /** One of a list that is not empty. */
  pick<T>(from: readonly [T, ...T[]]): T {
    return from[this.below(from.length)] ?? from[0];
  }

  /** True with the given probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** As many hexadecimal digits. */
  hex(digits: number): string {
    return Array.from({ length: digits }, () => this.below(16).toString(16)).join("");
  }

  /** A version 4 UUID. */
  uuid(): string {
    const hex = this.hex(32);
    return [
      hex.slice(0, 8),
      hex.slice(8, 12),
      `4${hex.slice(13, 16)}`,
      `a${hex.slice(17, 20)}`,
      hex.slice(20),
    ].join("-");
  }
}

/** A Base64 WireGuard key that depends on `words` alone. */
export function publicKey(...words: readonly (string | number)[]): string {
  return createHash("sha256").update(words.join("/")).digest("base64");
}
