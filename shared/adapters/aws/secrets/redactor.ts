/** Shorter values are not looked for: they would stand in too many innocent texts. */
const shortest = 6;

/** Takes known secrets out of texts. Learns values as they are read, and never gives them away itself. */
export class Redactor {
  readonly #values = new Set<string>();

  /** Values to take out from now on; as they are, and as they look inside of JSON. */
  learn(values: readonly string[]): void {
    for (const value of values) {
      if (value.length < shortest) continue;
      this.#values.add(value).add(JSON.stringify(value).slice(1, -1));
    }
  }

  /** The text with `[redacted]` in place of every value learnt. */
  redact(text: string): string {
    // A value may hold another one: the longer must go first, or its rest would stay.
    const values = [...this.#values].sort((a, b) => b.length - a.length);
    return values.reduce((rest, value) => rest.replaceAll(value, "[redacted]"), text);
  }
}
