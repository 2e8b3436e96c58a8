import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { withoutRunIds } from "./testing/lives.ts";
import { Life } from "../testing/life.ts";
import { assertState, rollBack } from "./testing/steps.ts";
import { changed } from "../testing/dumps.ts";
import { sidesOf, startRun, type Worker, World } from "./testing/world.ts";

const WORKERS = 2;
const RUNS = process.env["CALICO_MIGRATOR_CRASH"] === "all" ? 100 : 6;

/** Something that happens to a run and to who works on it. */
type Happening =
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
const happening: fc.Arbitrary<Happening> = fc.oneof(
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

/** Workers on one run, of which each may die and be replaced. */
class Crew {
  readonly #world: World;
  readonly #runId: string;
  readonly #workers: Worker[];

  constructor(world: World, runId: string) {
    this.#world = world;
    this.#runId = runId;
    this.#workers = Array.from({ length: WORKERS }, () => world.worker());
  }

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

/** A run that suffers all of this, then is left in peace to its end, and is rolled back. */
async function afterAll(
  happenings: readonly Happening[],
): Promise<{ dump: Record<string, string>; undone: string[] }> {
  using world = await World.create();
  const before = sidesOf(world);
  const starter = world.worker();
  const runId = await startRun(starter);
  const crew = new Crew(world, runId);
  for (const happening of happenings) await crew.suffer(happening);
  crew.close();
  world.clock.advance(120_000);
  await starter.engine.resume(runId);
  assertState(await world.drive(starter, runId), "Succeeded");
  const dump = withoutRunIds(world.kubernetes.dump());
  await rollBack(world, starter, runId);
  const undone = [
    ...changed(before.etcd, world.etcd.dump()),
    ...changed(before.kubernetes, world.kubernetes.dump()),
  ];
  return { dump, undone };
}

test("whatever happens to two workers and their messages, the run ends the same and can be undone", async () => {
  const straight = await afterAll([]);
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { minLength: 5, maxLength: 40 }), async (happenings) => {
      const { dump, undone } = await afterAll(happenings);
      assert.deepEqual(changed(straight.dump, dump), []);
      assert.deepEqual(undone, []);
    }),
    { numRuns: RUNS },
  );
});
