import { setImmediate } from "node:timers/promises";

/** A call that waits to be let through. */
interface Waiting {
  worker: string;
  call: string;
  pass: () => void;
  fail: (error: Error) => void;
}

/** Holds every call of some workers back, so that a test decides which goes next, and which never does. */
export class Turnstile {
  readonly #dead = new Set<string>();
  #waiting: Waiting[] = [];

  /** The calls that wait, the oldest first. */
  get waiting(): readonly Pick<Waiting, "worker" | "call">[] {
    return this.#waiting;
  }

  /** Resolves when the call is let through; never for a worker that was killed. */
  enter(worker: string, call: string): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!this.#dead.has(worker)) this.#waiting.push({ worker, call, pass: resolve, fail: reject });
    });
  }

  /** Lets one call through, and its worker go on until the next one. With an error, the call fails. */
  async turn(index: number, error?: Error): Promise<void> {
    const [next] = this.#waiting.splice(index % Math.max(1, this.#waiting.length), 1);
    if (error === undefined) next?.pass();
    else next?.fail(error);
    await this.settle();
  }

  /** The worker does nothing any more, as after SIGKILL: what it had begun is neither finished nor cleaned up. */
  kill(worker: string): void {
    this.#dead.add(worker);
    this.#waiting = this.#waiting.filter((call) => call.worker !== worker);
  }

  /** Lets everything run that waits for nothing. */
  async settle(): Promise<void> {
    await setImmediate();
  }

  /** The same port for one worker: every call of a method waits for its turn first. */
  behind<T extends object>(worker: string, port: T): T {
    return new Proxy(port, {
      get: (target, name) => {
        const method: unknown = Reflect.get(target, name);
        if (typeof method !== "function") return method;
        return async (...args: unknown[]): Promise<unknown> => {
          await this.enter(worker, String(name));
          return Reflect.apply(method, target, args);
        };
      },
    });
  }
}
