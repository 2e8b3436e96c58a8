import { changed } from "../../testing/dumps.ts";
import { Life } from "../../testing/life.ts";
import type { Described, Worker } from "../../testing/run-world.ts";
import { driveApproving, type RestoreRequest, RestoreWorld, sidesOf, startRestore } from "./world.ts";

const AFTER_EVERY_LEASE_MS = 60_000;

/** A restore that is killed again and again, on a world that has been brought into some state. */
export interface Scenario {
  /** Makes the backup, spoils the world, and gives the restore to start. */
  prepare: (world: RestoreWorld, worker: Worker) => Promise<RestoreRequest>;
  /** Undo it once it has come to its end, or to the stage before which it was asked to stop. */
  undo: boolean;
}

/** What a scenario left behind. */
export interface Outcome {
  state: string;
  /** What holds the run back, if anything does. */
  trouble: string;
  sides: Record<string, string>;
  /** What is not as it was right before the restore. */
  changed: string[];
  /** How many writes each life made. */
  writes: number[];
}

/** Plays a scenario with workers that live as long as `spans` says, one after the other; the last one lives for ever. */
export async function play(scenario: Scenario, spans: Iterable<number>): Promise<Outcome> {
  using world = await RestoreWorld.create();
  const first = world.worker();
  const request = await scenario.prepare(world, first);
  first.close();
  const before = tracedSides(world);
  const lives = spans[Symbol.iterator]();
  const writes: number[] = [];
  for (;;) {
    const next = lives.next();
    const worker = world.worker(new Life({ writes: next.done === true ? Infinity : next.value }));
    const described = await live(world, worker, scenario, request);
    writes.push(worker.life.writes.length);
    const over = !worker.life.dead;
    worker.close();
    if (over && described !== undefined) return outcome(world, described, before, writes);
    // Now and then the next life comes while the leases of the dead one still last.
    if (writes.length % 4 !== 0) world.clock.advance(AFTER_EVERY_LEASE_MS);
  }
}

/** How two outcomes differ, but for UIDs and the ids of their runs. */
export function difference(one: Outcome, other: Outcome): string[] {
  const states = one.state === other.state ? [] : [`${one.state} ${other.state} ${other.trouble}`];
  return [...states, ...changed(anonymous(one.sides), anonymous(other.sides))];
}

async function live(
  world: RestoreWorld,
  worker: Worker,
  { undo }: Scenario,
  request: RestoreRequest,
): Promise<Described | undefined> {
  const known = (await worker.embedded.store.listRuns({ limit: 10 })).items;
  let runId = known.find(({ migration }) => migration === "restore")?.runId;
  runId ??= await whileAlive(worker, startRestore(worker, request));
  if (runId === undefined) return undefined;
  await whileAlive(worker, worker.engine.wake(runId));
  const described = await driveApproving(world, worker, runId);
  if (worker.life.dead || !undo || described.run.state === "RolledBack") return described;
  await whileAlive(worker, worker.engine.undo(runId, "rollback"));
  return driveApproving(world, worker, runId);
}

async function whileAlive<T>({ life }: Worker, work: Promise<T>): Promise<T | undefined> {
  const result = await Promise.race([work, life.ended]);
  return life.dead ? undefined : (result as T);
}

function outcome(
  world: RestoreWorld,
  { run }: Described,
  before: Record<string, string>,
  writes: number[],
): Outcome {
  const { stage, failure, waiting } = run;
  const stopped = failure !== undefined || waiting !== undefined;
  const trouble = stopped ? JSON.stringify({ stage, failure, waiting }) : "";
  const sides = tracedSides(world);
  return { state: run.state, trouble, sides, changed: changed(before, sides), writes };
}

/** Both sides, and which objects tell of a run. */
function tracedSides(world: RestoreWorld): Record<string, string> {
  return { ...sidesOf(world), "managed by runs": world.cluster.storage.managedByRuns().join(" ") };
}

function anonymous(sides: Record<string, string>): Record<string, string> {
  const entries = Object.entries(sides).map(([path, text]): [string, string] => [
    path,
    text
      .replace(/restore-[0-9a-f]{8}/g, "run")
      .replace(/[0-9a-f]{8}-[0-9a-f]{4}-4000-[0-9a-f]{4}-[0-9a-f]{12}/g, "uid"),
  ]);
  return Object.fromEntries(entries);
}
