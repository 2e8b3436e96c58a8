/** Why something is taken for a manager of Calico. */
export interface Evidence {
  /** How many signs there are. */
  count: number;
  /** The first of them, as sentences. */
  examples: string[];
}

const EXAMPLES = 3;

/** Signs by manager: its size is the number of managers, whatever the number of objects they manage. */
export class EvidenceTally {
  readonly #evidence = new Map<string, Evidence>();

  /** The managers that there are signs of. */
  get managers(): string[] {
    return [...this.#evidence.keys()];
  }

  add(manager: string, sign: string): void {
    this.#evidence.set(manager, joined([this.of(manager), { count: 1, examples: [sign] }]));
  }

  of(manager: string): Evidence {
    return this.#evidence.get(manager) ?? { count: 0, examples: [] };
  }
}

/** All signs together. */
export function joined(all: readonly Evidence[]): Evidence {
  const count = all.reduce((sum, one) => sum + one.count, 0);
  return { count, examples: all.flatMap((one) => one.examples).slice(0, EXAMPLES) };
}

/** The evidence of these signs, which are all that there are. */
export function evidenceOf(signs: readonly string[]): Evidence {
  return { count: signs.length, examples: signs.slice(0, EXAMPLES) };
}
