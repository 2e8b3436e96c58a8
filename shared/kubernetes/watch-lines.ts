const NEWLINE = 0x0a;

/**
 * Cuts a stream of bytes into its lines and gives each whole one to `take`, until that returns false. What follows the
 * last newline is no line: a stream that ends there was cut off.
 */
export class LineReader {
  readonly #take: (line: string) => boolean;
  #rest: Buffer[] = [];
  #failure: unknown;
  #failed = false;

  constructor(take: (line: string) => boolean) {
    this.#take = take;
  }

  /** Takes the next bytes; false when no more are wanted. Never throws: what `take` throws is kept for `throwFailure`. */
  add(part: Buffer): boolean {
    let from = 0;
    for (let end = part.indexOf(NEWLINE); end >= 0; end = part.indexOf(NEWLINE, from)) {
      const line = this.#line(part.subarray(from, end));
      if (line !== "" && !this.#give(line)) return false;
      from = end + 1;
    }
    if (from < part.length) this.#rest.push(part.subarray(from));
    return true;
  }

  /** Throws what `take` has thrown. */
  throwFailure(): void {
    if (this.#failed) throw this.#failure;
  }

  /** Decoded whole, as a part may end in the middle of a character. */
  #line(end: Buffer): string {
    if (this.#rest.length === 0) return end.toString("utf8");
    const whole = Buffer.concat([...this.#rest, end]);
    this.#rest = [];
    return whole.toString("utf8");
  }

  #give(line: string): boolean {
    try {
      return this.#take(line);
    } catch (error) {
      this.#failure = error;
      this.#failed = true;
      return false;
    }
  }
}
