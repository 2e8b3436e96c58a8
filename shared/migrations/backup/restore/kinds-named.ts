const PER_KIND = 3;

/** Things by kind, of each kind the first by name and how many more there are: one kind with thousands hides no other. */
export class KindsNamed {
  readonly #kinds = new Map<string, { count: number; first: string[] }>();

  add(kind: string, name: string): void {
    const known = this.#kinds.get(kind) ?? { count: 0, first: [] };
    this.#kinds.set(kind, known);
    known.count++;
    if (known.first.length < PER_KIND) known.first.push(name);
  }

  toString(): string {
    const texts = [...this.#kinds.values()].map(({ count, first }) => {
      const more = count > first.length ? ` (and ${count - first.length} more of its kind)` : "";
      return `${first.join(", ")}${more}`;
    });
    return texts.join("; ");
  }
}
