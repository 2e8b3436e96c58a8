import fc from "fast-check";
import { Life } from "./life.ts";
import type { RunWorld, Worker } from "./run-world.ts";

const WORKERS = 2;

/** Something that happens to a run and to who works on it. */
export type Happening =
  | { type: "steps"; worker: number; count: number }
  /** Both work at the same time. */
  | { type: "together"; count: number }
  | { type: "time"; ms: number }
  | { type: "crash"; worker: number; writes: number }
  /** It takes a message and does not get to it. */
  | { type: "lose"; worker: number }
  | { type: "repeat"; worker: number }
  | { type: "pause" }
  | { type: "resume" };

const worker = fc.nat(WORKERS - 1);
/** Any of it. */
export const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant("steps" as const),
      worker,
      count: fc.integer({ min: 1, max: 8 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant("together" as const), count: fc.integer({ min: 1, max: 6 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("time" as const),
      ms: fc.constantFrom(500, 5_000, 35_000, 90_000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("crash" as const),
      worker,
      writes: fc.integer({ min: 1, max: 60 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("lose" as const), worker }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("repeat" as const), worker }) },
  { weight: 1, arbitrary: fc.constantFrom({ type: "pause" as const }, { type: "resume" as const }) },
);

/** Two workers on one run, of which each may die and be replaced. */
export class Crew {
  readonly #world: RunWorld;
  readonly #runId: string;
  readonly #workers: Worker[];

  constructor(world: RunWorld, runId: string) {
    this.#world = world;
    this.#runId = runId;
    this.#workers = Array.from({ length: WORKERS }, () => world.worker());
  }

  /** Lets it happen. */
  async suffer(happening: Happening): Promise<void> {
    switch (happening.type) {
      case "steps":
        return this.#steps(this.#alive(happening.worker), happening.count);
      case "together":
        await Promise.all(this.#workers.map((_, index) => this.#steps(this.#alive(index), happening.count)));
        return;
      case "time":
        this.#world.clock.advance(happening.ms);
        return;
      case "crash":
        this.#replace(happening.worker, new Life({ writes: happening.writes }));
        return this.#steps(this.#alive(happening.worker), 20);
      case "lose":
        await this.#alive(happening.worker).embedded.queue.receive({
          max: 1,
          visibilityMs: 60_000,
          waitMs: 0,
        });
        return;
      case "repeat":
        return this.#ask(happening.worker, "wake");
      case "pause":
      case "resume":
        return this.#ask(0, happening.type);
    }
  }

  /** Ends all lives. */
  close(): void {
    for (const worker of this.#workers) worker.close();
  }

  /** What a life that ends with this very write was asked never comes to an end. */
  async #ask(index: number, what: "wake" | "pause" | "resume"): Promise<void> {
    const { engine, life } = this.#alive(index);
    await Promise.race([engine[what](this.#runId), life.ended]);
  }

  async #steps(worker: Worker, count: number): Promise<void> {
    for (let step = 0; step < count && !worker.life.dead; step++) await worker.step();
  }

  #alive(index: number): Worker {
    const worker = this.#workers[index];
    return worker === undefined || worker.life.dead ? this.#replace(index, new Life()) : worker;
  }

  #replace(index: number, life: Life): Worker {
    this.#workers[index]?.close();
    const worker = this.#world.worker(life);
    this.#workers[index] = worker;
    return worker;
  }
}
