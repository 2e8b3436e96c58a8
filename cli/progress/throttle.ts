const EVERY_MS = 5000;

/** Lets one line about the progress through in five seconds. */
export class Throttle {
  #last: number | undefined;

  /** Something was told anyway. */
  note(now: number): void {
    this.#last = now;
  }

  /** True when it is time for a line; then the next one has to wait. */
  due(now: number): boolean {
    if (this.#last !== undefined && now - this.#last < EVERY_MS) return false;
    this.#last = now;
    return true;
  }

  reset(): void {
    this.#last = undefined;
  }
}
