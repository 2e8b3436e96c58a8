const WINDOW_MS = 10_000;

interface Sample {
  at: number;
  done: number;
}

/** How fast something goes on, from what was seen of it in the last ten seconds. */
export class Rate {
  #samples: Sample[] = [];

  /** Notes how much is done at a time; times only grow. */
  note(at: number, done: number): void {
    const last = this.#samples.at(-1);
    if (last !== undefined && done < last.done) this.#samples = [];
    this.#samples.push({ at, done });
    while ((this.#samples[1]?.at ?? at) < at - WINDOW_MS) this.#samples.shift();
  }

  /** How much is done in a second; undefined before that can be told. */
  get perSecond(): number | undefined {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined || last.at - first.at < 500) return undefined;
    return ((last.done - first.done) * 1000) / (last.at - first.at);
  }
}
