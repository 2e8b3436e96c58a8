/** Random numbers that are the same for the same seed (mulberry32). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 on, below `sides`. */
  roll(sides: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides;
  }

  /** True once in so many times. */
  oneIn(times: number): boolean {
    return this.roll(times) === 0;
  }

  /** One of them. */
  pick<T>(items: readonly T[]): T {
    const picked = items[this.roll(items.length)];
    if (picked === undefined) throw new Error("there is nothing to pick from");
    return picked;
  }
}
