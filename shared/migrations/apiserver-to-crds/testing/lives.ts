import { changed } from "../../testing/dumps.ts";
import { Life } from "../../testing/life.ts";
import type { Described, Worker } from "../../testing/run-world.ts";
import { canonical } from "./oracle.ts";
import { startWhole, wholeWorld } from "./whole.ts";
import type { World } from "./world.ts";

const AFTER_EVERY_LEASE_MS = 60_000;

/** What people do with a run: they start it, and may undo it right before a stage. */
export interface Scenario {
  undoBefore?: string;
  /** Default: `wholeWorld`. */
  world?: () => Promise<World>;
}

/** What a scenario left behind. */
interface Outcome {
  state: string;
  /** What holds the run back, if anything does. */
  trouble: string;
  dump: Record<string, string>;
  /** What of the cluster is not as it was before. */
  changed: string[];
  /** The writes of each life, by name. */
  writes: (readonly string[])[];
}

/** Plays a scenario with workers that live as long as `spans` says, one after the other; the last one lives for ever. */
export async function play(scenario: Scenario, spans: Iterable<number>): Promise<Outcome> {
  using world = await (scenario.world ?? wholeWorld)();
  const before = world.cluster.dump();
  const lives = spans[Symbol.iterator]();
  const writes: (readonly string[])[] = [];
  for (;;) {
    const next = lives.next();
    const worker = world.worker(new Life({ writes: next.done === true ? Infinity : next.value }));
    const described = await live(world, worker, scenario);
    writes.push(worker.life.writes);
    const over = !worker.life.dead;
    worker.close();
    if (over && described !== undefined) {
      const { run } = described;
      return {
        state: run.state,
        trouble: troubleOf(described),
        dump: await canonical(world.cluster),
        changed: changed(before, world.cluster.dump()),
        writes,
      };
    }
    // Now and then the next life comes while the leases of the dead one still last.
    if (writes.length % 4 !== 0) world.clock.advance(AFTER_EVERY_LEASE_MS);
  }
}

/** How two outcomes differ. */
export function difference(one: Outcome, other: Outcome): string[] {
  const states = one.state === other.state ? [] : [`${one.state} ${other.state} ${other.trouble}`];
  return [...states, ...changed(one.dump, other.dump)];
}

/** Goes on with the scenario where the last life left it; undefined when this life ends before it. */
async function live(world: World, worker: Worker, { undoBefore }: Scenario): Promise<Described | undefined> {
  let runId = (await worker.embedded.store.listRuns({ limit: 1 })).items[0]?.runId;
  runId ??= await whileAlive(worker, startWhole(worker, requestOf(undoBefore)));
  if (runId === undefined) return undefined;
  await whileAlive(worker, worker.engine.wake(runId));
  const described = await world.drive(worker, runId);
  const { state, track, waiting } = described.run;
  if (worker.life.dead || undoBefore === undefined || state === "RolledBack") return described;
  if (track === "forward" && waiting?.subject !== undoBefore) throw new Error(troubleOf(described));
  await whileAlive(worker, worker.engine.undo(runId, "rollback"));
  return world.drive(worker, runId);
}

function requestOf(undoBefore: string | undefined): Parameters<typeof startWhole>[1] {
  if (undoBefore === undefined) return {};
  return { stopBefore: undoBefore, approvals: ["unlock", "cleanup"].filter((one) => one !== undoBefore) };
}

async function whileAlive<T>({ life }: Worker, work: Promise<T>): Promise<T | undefined> {
  const result = await Promise.race([work, life.ended]);
  return life.dead ? undefined : (result as T);
}

function troubleOf({ run: { stage, failure, waiting } }: Described): string {
  return failure === undefined && waiting === undefined ? "" : JSON.stringify({ stage, failure, waiting });
}
