/** Shorter values are not looked for: they would stand in too many innocent texts. */
const shortest = 6;

/** Values that begin alike, with how many owners have each. */
type Alike = Map<string, number>;

/**
 * Takes known secrets out of texts. Learns values as they are read, each of an owner such as a cluster's secret, and never
 * gives them away itself. What a text costs depends on its length and hardly on how much was learnt: every place is looked up
 * once, by the characters that a value begins with.
 */
export class Redactor {
  readonly #owned = new Map<string, Set<string>>();
  readonly #byStart = new Map<string, Alike>();

  /** Values to take out from now on; as they are, and as they look inside of JSON. */
  learn(values: readonly string[], owner: string): void {
    const owned = this.#owned.get(owner) ?? new Set();
    this.#owned.set(owner, owned);
    for (const value of values.flatMap((one) => [one, JSON.stringify(one).slice(1, -1)])) {
      if (value.length < shortest || owned.has(value)) continue;
      owned.add(value);
      const alike = this.#byStart.get(startOf(value)) ?? new Map<string, number>();
      this.#byStart.set(startOf(value), alike.set(value, (alike.get(value) ?? 0) + 1));
    }
  }

  /** No longer looks for an owner's values, but for those that another owner has as well. */
  forget(owner: string): void {
    for (const value of this.#owned.get(owner) ?? []) {
      const alike = this.#byStart.get(startOf(value));
      const others = (alike?.get(value) ?? 0) - 1;
      if (others > 0) alike?.set(value, others);
      else alike?.delete(value);
      if (alike?.size === 0) this.#byStart.delete(startOf(value));
    }
    this.#owned.delete(owner);
  }

  /** The text with `[redacted]` in place of every value learnt; values that overlap go as one. */
  redact(text: string): string {
    let rest = 0;
    let redacted = "";
    for (let at = 0; at + shortest <= text.length; at++) {
      const end = at + this.#longestAt(text, at);
      if (end === at) continue;
      if (at >= rest) redacted += `${text.slice(rest, at)}[redacted]`;
      rest = Math.max(rest, end);
    }
    return redacted + text.slice(rest);
  }

  /** The length of the longest value that stands at a place of a text; 0 where none does. */
  #longestAt(text: string, at: number): number {
    let longest = 0;
    for (const value of this.#byStart.get(text.slice(at, at + shortest))?.keys() ?? []) {
      if (value.length > longest && text.startsWith(value, at)) longest = value.length;
    }
    return longest;
  }
}

function startOf(value: string): string {
  return value.slice(0, shortest);
}
