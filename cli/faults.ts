/** Several things that are wrong with one command line: whoever mends it should not have to find them one by one. */
export class Faults extends Error {
  override readonly name: string = "Faults";
  /** At least two. */
  readonly found: readonly unknown[];

  constructor(found: readonly unknown[]) {
    super(`${found.length} faults`);
    this.found = found;
  }
}

/** Collects what is wrong with a command line, before anything of it is done. */
export class FaultList {
  readonly #found: unknown[] = [];

  /** Adds something thrown. */
  add(fault: unknown): void {
    if (fault instanceof Faults) this.#found.push(...fault.found);
    else this.#found.push(fault);
  }

  /** What looking gives; undefined, and one fault more, where it throws. */
  async look<T>(look: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await look();
    } catch (error) {
      this.add(error);
      return undefined;
    }
  }

  /** A single fault as it is, several as {@link Faults}; undefined where there is none. */
  all(): unknown {
    return this.#found.length > 1 ? new Faults(this.#found) : this.#found[0];
  }

  /** Throws what there is. */
  throwIfAny(): void {
    if (this.#found.length > 0) throw this.all();
  }
}

/** Throws these faults, if there are any. */
export function throwFaults(faults: readonly unknown[]): void {
  const list = new FaultList();
  for (const fault of faults) list.add(fault);
  list.throwIfAny();
}
