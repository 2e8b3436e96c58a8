import { EXIT } from "../exit-codes.ts";
import type { World } from "../world.ts";

/** One Ctrl-C may arrive more than once: from the terminal, and from the parents of this process. */
const SAME_MS = 250;

/** Turns the first request to stop into a clean stop, and the second into an immediate end. */
export class Interrupt implements Disposable {
  readonly #stop = new AbortController();
  readonly #world: World;
  readonly #remove: () => void;
  #firstAt: number | undefined;

  constructor(world: World) {
    this.#world = world;
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
      this.#world.stderr.write("\nstopping at the next safe point; once more ends at once\n");
      this.#stop.abort();
    } else if (now - this.#firstAt > SAME_MS) {
      this.#world.exit(EXIT.interrupted);
    }
  }

  [Symbol.dispose](): void {
    this.#remove();
  }
}
