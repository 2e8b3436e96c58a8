import { EXIT } from "../exit-codes.ts";
import type { World } from "../world.ts";

/** One Ctrl-C may arrive more than once: from the terminal, and from the parents of this process. */
const SAME_MS = 250;

/** What a person is told at the first request: what stops, and what does not. */
const TOLD = {
  works: "stopping at the next safe point; once more ends at once",
  looksOn: "no longer looking on; the run goes on without this command",
  /** The command ends with an error that says what was not done. */
  asks: "",
};

/** Turns the first request to stop into a clean stop, and the second into an immediate end. */
export class Interrupt implements Disposable {
  readonly #stop = new AbortController();
  readonly #world: World;
  readonly #remove: () => void;
  readonly #told: string;
  #firstAt: number | undefined;

  /** @param what - what this process does with the run; default: it works on it */
  constructor(world: World, what: keyof typeof TOLD = "works") {
    this.#world = world;
    this.#told = TOLD[what];
    this.#remove = world.onInterrupt(() => {
      this.request();
    });
  }

  /** Aborts at the first request. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** A request to stop, as by Ctrl-C. */
  request(): void {
    const now = this.#world.clock.now();
    if (this.#firstAt === undefined) {
      this.#firstAt = now;
      this.#world.stderr.write(this.#told === "" ? "\n" : `\n${this.#told}\n`);
      this.#stop.abort();
    } else if (now - this.#firstAt > SAME_MS) {
      this.#world.exit(EXIT.interrupted);
    }
  }

  [Symbol.dispose](): void {
    this.#remove();
  }
}
