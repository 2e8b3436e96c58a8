import { failure } from "./stages.ts";
import type { ManualClock } from "./manual-clock.ts";

/** How long a write may be under way before its sender gives it up. Shorter than what is left of a lease that is held. */
const REQUEST_TIMEOUT_MS = 2_000;

/** Two sides that things are moved between; it notes what must never happen. */
export class Shelves {
  readonly source: ReadonlyMap<string, string>;
  readonly target = new Map<string, string>();
  readonly violations: string[] = [];
  locked = false;
  retired = false;

  constructor(keys: readonly string[]) {
    this.source = new Map(keys.map((key) => [key, `value of ${key}`]));
  }

  /** Tiers go before everything else. */
  static rank(key: string): number {
    return key.startsWith("tier") ? 0 : 1;
  }

  put(key: string): void {
    const tiersMissing = [...this.source.keys()].some((k) => Shelves.rank(k) === 0 && !this.target.has(k));
    if (Shelves.rank(key) > 0 && tiersMissing) this.violations.push(`${key} was put before the tiers`);
    if (this.retired) this.violations.push(`${key} was put after the point of no return`);
    this.target.set(key, this.source.get(key) ?? "");
  }

  remove(key: string): void {
    this.target.delete(key);
  }

  setLock(locked: boolean): void {
    this.locked = locked;
  }

  /** The point of no return. */
  retire(): void {
    if (this.target.size !== this.source.size) this.violations.push("retired before everything was there");
    if (!this.locked) this.violations.push("retired while not locked");
    this.retired = true;
  }

  /** Back before the point of no return. */
  restore(): void {
    this.retired = false;
  }
}

/** The shelves as a worker reaches them: each write takes its turn, and is given up when that comes too late. */
export class ShelvesClient {
  readonly #shelves: Shelves;
  readonly #clock: ManualClock;
  readonly #turn: (call: string) => Promise<void>;

  constructor(shelves: Shelves, clock: ManualClock, turn: (call: string) => Promise<void>) {
    this.#shelves = shelves;
    this.#clock = clock;
    this.#turn = turn;
  }

  /** What is there; read at once. */
  get shelves(): Readonly<Shelves> {
    return this.#shelves;
  }

  /** Writes by one of the shelves' methods. Throws a retryable error when it took too long to get through. */
  async write(method: "put" | "remove", key: string): Promise<void>;
  async write(method: "retire" | "restore"): Promise<void>;
  async write(method: "setLock", locked: boolean): Promise<void>;
  async write(
    method: "put" | "remove" | "retire" | "restore" | "setLock",
    argument?: unknown,
  ): Promise<void> {
    const sentAt = this.#clock.now();
    await this.#turn(method);
    if (this.#clock.now() - sentAt > REQUEST_TIMEOUT_MS) throw failure("TIMEOUT", true);
    const write: unknown = Reflect.get(this.#shelves, method);
    if (typeof write === "function") Reflect.apply(write, this.#shelves, [argument]);
  }
}
