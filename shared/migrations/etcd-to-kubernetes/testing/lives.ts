import { Life } from "../../testing/life.ts";
import { changed } from "../../testing/dumps.ts";
import { type Described, type Sides, sidesOf, startRun, type Worker, World } from "./world.ts";

const AFTER_EVERY_LEASE_MS = 60_000;

/** What people do with a run, one after the other; each is done when the one before has settled. */
export type Scenario = readonly ("start" | "rollback")[];

/** What a scenario left behind. */
export interface Outcome {
  state: string;
  /** What holds the run back, if anything does. */
  trouble: string;
  sides: Sides;
  /** How many writes each life made. */
  writes: number[];
}

/** Plays a scenario with workers that live as long as `spans` says, one after the other; the last one lives for ever. */
export async function play(scenario: Scenario, spans: Iterable<number>): Promise<Outcome> {
  using world = await World.create();
  const lives = spans[Symbol.iterator]();
  const writes: number[] = [];
  for (;;) {
    const next = lives.next();
    const life = new Life({ writes: next.done === true ? Infinity : next.value });
    const worker = world.worker(life);
    const described = await live(world, worker, scenario);
    writes.push(life.writes.length);
    const over = !life.dead;
    worker.close();
    if (over && described !== undefined) return outcome(world, described, writes);
    // Now and then the next life comes while the leases of the dead one still last.
    if (writes.length % 4 !== 0) world.clock.advance(AFTER_EVERY_LEASE_MS);
  }
}

/** Goes on with the scenario where the last life left it; undefined when this life ends before it. */
async function live(world: World, worker: Worker, scenario: Scenario): Promise<Described | undefined> {
  let runId = (await worker.embedded.store.listRuns({ limit: 1 })).items[0]?.runId;
  if (runId === undefined) runId = await whileAlive(worker, startRun(worker));
  if (runId === undefined) return undefined;
  await whileAlive(worker, worker.engine.wake(runId));
  let described = await world.drive(worker, runId);
  if (worker.life.dead || !scenario.includes("rollback") || described.run.state === "RolledBack")
    return described;
  await whileAlive(worker, worker.engine.undo(runId, "rollback"));
  described = await world.drive(worker, runId);
  return described;
}

async function whileAlive<T>({ life }: Worker, work: Promise<T>): Promise<T | undefined> {
  const result = await Promise.race([work, life.ended]);
  return life.dead ? undefined : (result as T);
}

function outcome(world: World, { run }: Described, writes: number[]): Outcome {
  const { stage, failure, waiting } = run;
  const stopped = failure !== undefined || waiting !== undefined;
  const trouble = stopped ? JSON.stringify({ stage, failure, waiting }) : "";
  return { state: run.state, trouble, sides: sidesOf(world), writes };
}

/** How two outcomes differ, but for the ids of their runs. */
export function difference(one: Outcome, other: Outcome): string[] {
  const states = one.state === other.state ? [] : [`${one.state} ${other.state} ${other.trouble}`];
  return [
    ...states,
    ...changed(withoutRunIds(one.sides.etcd), withoutRunIds(other.sides.etcd)),
    ...changed(withoutRunIds(one.sides.kubernetes), withoutRunIds(other.sides.kubernetes)),
  ];
}

/** A dump in which every run has the same id. */
export function withoutRunIds(dump: Record<string, string>): Record<string, string> {
  const entries = Object.entries(dump);
  return Object.fromEntries(
    entries.map(([name, text]) => [name, text.replace(/etcd-to-kubernetes-[0-9a-f]{8}/g, "run")]),
  );
}
