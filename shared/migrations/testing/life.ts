/** How many writes a life may make before it ends. */
export interface LifeSpan {
  writes: number;
}

const NOTHING_MORE = new Promise<never>(() => undefined);

/**
 * One life of a process. It ends right after a given number of durable writes, wherever it is: from then on none of its
 * calls does anything, and none returns, as if the process had been killed.
 */
export class Life {
  /** Resolves when the life has ended. */
  readonly ended: Promise<"ended">;
  /** The writes made so far, by name, in order. */
  readonly writes: string[] = [];
  readonly #limit: number;
  #dead = false;
  #end: () => void = () => undefined;

  constructor({ writes }: LifeSpan = { writes: Infinity }) {
    this.#limit = writes;
    this.ended = new Promise((resolve) => {
      this.#end = () => {
        resolve("ended");
      };
    });
    if (writes <= 0) this.kill();
  }

  get dead(): boolean {
    return this.#dead;
  }

  /** Ends the life at once. */
  kill(): void {
    this.#dead = true;
    this.#end();
  }

  /** The same object for as long as the life lasts; its methods named in `writes` count as writes. */
  bind<T extends object>(target: T, writes: readonly string[]): T {
    return new Proxy(target, {
      get: (object, name) => {
        const member: unknown = Reflect.get(object, name, object);
        if (typeof member !== "function") return member;
        const method = member as (...args: unknown[]) => unknown;
        const call = (...args: unknown[]): unknown => method.apply(object, args);
        if (typeof name !== "string" || !writes.includes(name))
          return (...args: unknown[]) => (this.#dead ? NOTHING_MORE : call(...args));
        return (...args: unknown[]) =>
          this.#write(isReview(args) || isDryRun(args) ? "" : name, () => call(...args));
      },
    });
  }

  async #write(name: string, call: () => unknown): Promise<unknown> {
    if (this.#dead) return NOTHING_MORE;
    try {
      // The fakes and the store have done the write when the call returns.
      return await this.#counted(name, call());
    } finally {
      await this.#rest();
    }
  }

  /** Whoever waits for a call of a life that has ended waits for ever. */
  #rest(): Promise<void> {
    return this.#dead ? NOTHING_MORE : Promise.resolve();
  }

  #counted(name: string, result: unknown): unknown {
    if (name === "") return result;
    this.writes.push(name);
    if (this.writes.length >= this.#limit) this.kill();
    return result;
  }
}

/** Asking what one may do is a POST, and writes nothing. */
export function isReview([ref]: readonly unknown[]): boolean {
  return (
    typeof ref === "object" &&
    ref !== null &&
    "plural" in ref &&
    typeof ref.plural === "string" &&
    ref.plural.endsWith("subjectaccessreviews")
  );
}

/** A write that is only judged. */
export function isDryRun(args: readonly unknown[]): boolean {
  return args.some(
    (one) => typeof one === "object" && one !== null && "dryRun" in one && one.dryRun === true,
  );
}

/** The methods of the engine's ports that write, and of the connections. */
export const WRITES = {
  store: [
    "acquireLease",
    "renewLease",
    "releaseLease",
    "createRun",
    "saveRun",
    "updateControl",
    "saveStage",
    "openBatches",
    "saveBatch",
    "closeBatch",
    "putCheckpoints",
  ],
  queue: ["send", "receive", "acknowledge", "extend"],
  artifacts: ["write"],
  kubernetes: ["create", "replace", "patch", "delete"],
  etcd: ["compareAndPut", "compareAndDelete"],
} as const;
