import type { WorkMessage } from "../ports.ts";
import { isSettled } from "../settled.ts";
import { ManualClock } from "./manual-clock.ts";
import { moveShelves } from "./move.ts";
import { NEVER, type Rig, SETTINGS, withRig } from "./rig.ts";
import { Shelves, ShelvesClient } from "./shelves.ts";
import { failure } from "./stages.ts";
import { Turnstile } from "./turnstile.ts";

const VISIBILITY_MS = 40_000;
const RETRY = { maxAttempts: 1_000, firstDelayMs: 100, maxDelayMs: 1_000 };

/** What happens next. `pick` chooses among the calls that wait, or among the workers. */
export interface Move {
  kind: "turn" | "fail" | "crash" | "tick" | "expire" | "lose" | "repeat" | "wake" | "undo";
  pick: number;
}

/** Some workers on one store, whose every call waits until the test lets it through. */
export class Simulation {
  readonly shelves: Shelves;
  readonly turnstile = new Turnstile();
  readonly runId: string;
  /** What handlers threw, or what the shelves saw that must never be. */
  readonly violations: string[];
  readonly rig: Rig<ShelvesClient>;
  readonly #alive: string[] = [];
  #born = 0;

  private constructor(shelves: Shelves, rig: Rig<ShelvesClient>, runId: string) {
    this.shelves = shelves;
    this.violations = shelves.violations;
    this.rig = rig;
    this.runId = runId;
  }

  /** Starts a run that moves `keys`, with everything approved, and that many workers. */
  static async with(
    keys: readonly string[],
    workers: number,
    body: (simulation: Simulation) => Promise<void>,
  ): Promise<void> {
    const shelves = new Shelves(keys);
    const clock = new ManualClock();
    const atOnce = new ShelvesClient(shelves, clock, () => Promise.resolve());
    await withRig(
      atOnce,
      [moveShelves],
      async (rig) => {
        const simulation = new Simulation(shelves, rig, await rig.start(["retire"]));
        for (let i = 0; i < workers; i += 1) simulation.#addWorker();
        await simulation.turnstile.settle();
        await body(simulation);
        for (const worker of simulation.#alive) simulation.turnstile.kill(worker);
      },
      clock,
    );
  }

  /** Lets one thing happen. */
  async move({ kind, pick }: Move): Promise<void> {
    const { rig } = this;
    if (kind === "turn") await this.turnstile.turn(pick);
    else if (kind === "fail") await this.#fail(pick);
    else if (kind === "crash") await this.crash(pick);
    else if (kind === "tick") rig.clock.advance(1_000);
    else if (kind === "expire") rig.clock.advance(SETTINGS.leaseTtlMs);
    else if (kind === "lose") await this.#lose();
    else if (kind === "repeat") await this.#repeat(pick);
    else if (kind === "wake") await rig.engine.wakeDue();
    else await this.undo();
  }

  /** A worker is killed, and another one started in its place. */
  async crash(pick: number): Promise<void> {
    const [worker] = this.#alive.splice(pick % this.#alive.length, 1);
    if (worker !== undefined) this.turnstile.kill(worker);
    this.#addWorker();
    await this.turnstile.settle();
  }

  /** Asks for a rollback, unless that is under way. */
  async undo(): Promise<void> {
    const { control } = await this.rig.engine.describe(this.runId);
    if (control.undo === undefined) await this.rig.engine.undo(this.runId, "rollback");
  }

  /** Nothing goes wrong any more: every call takes its turn until the run goes no further by itself. */
  async finish(): Promise<void> {
    for (let round = 0; round < 2_000; round += 1) {
      await this.#runOut();
      const { run, control } = await this.rig.engine.describe(this.runId);
      if (isSettled(run, control)) return;
      if (round % 3 === 0) await this.rig.engine.wakeDue();
      this.rig.clock.advance(2_000);
    }
    throw new Error("the run does not come to an end");
  }

  /** All that a run leaves behind, without times and names. */
  async outcome(): Promise<unknown> {
    const { run, stages } = await this.rig.engine.describe(this.runId);
    const checkpoints = await this.rig.ports.store.listCheckpoints(this.runId, "resources", {
      limit: 10_000,
    });
    return {
      state: run.state,
      holdsCluster: run.holdsCluster,
      stages: stages.map(({ track, stage, state, openBatches, notes }) => ({
        track,
        stage,
        state,
        openBatches,
        notes,
      })),
      counters: stages.map(({ batches, total, counts }) => ({ batches, total, counts })),
      checkpoints: checkpoints.map(({ key, state, target }) => ({ key, state, target })),
      shelves: { target: this.shelves.target, locked: this.shelves.locked, retired: this.shelves.retired },
    };
  }

  /** Checks that every stage's counters are the sums over its batches, and that checkpoints claim nothing that is not there. */
  async check(): Promise<void> {
    const { run, stages } = await this.rig.engine.describe(this.runId);
    for (const stage of stages) {
      let [open, total] = [0, 0];
      for (let number = 0; number < stage.batches; number += 1) {
        const batch = await this.rig.ports.store.getBatch({ ...stage, batch: number });
        if (batch?.state === "open") open += 1;
        total += batch?.size ?? 0;
      }
      if (open !== stage.openBatches || total !== stage.total)
        this.violations.push(`${stage.stage} counts wrong`);
    }
    if (run.track === "forward") await this.#checkClaims();
  }

  async #checkClaims(): Promise<void> {
    const query = { limit: 10_000, states: ["applied", "verified"] as const };
    const claimed = await this.rig.ports.store.listCheckpoints(this.runId, "resources", query);
    const missing = claimed.filter(({ key }) => !this.shelves.target.has(key));
    this.violations.push(...missing.map(({ key }) => `${key} is claimed and not there`));
  }

  #addWorker(): void {
    this.#born += 1;
    const name = `worker-${this.#born}`;
    this.#alive.push(name);
    this.#live(name).catch((error: unknown) => this.violations.push(`${name} threw ${String(error)}`));
  }

  async #live(name: string): Promise<void> {
    const { rig, turnstile } = this;
    const queue = turnstile.behind(name, rig.ports.queue);
    const client = new ShelvesClient(this.shelves, rig.clock, (call) => turnstile.enter(name, call));
    const engine = rig.engineWith({
      holder: name,
      retry: RETRY,
      store: turnstile.behind(name, rig.ports.store),
      queue,
      connections: { open: () => Promise.resolve(client) },
    });
    for (;;) {
      await turnstile.enter(name, "idle");
      const [delivery] = await rig.ports.queue.receive({ max: 1, visibilityMs: VISIBILITY_MS, waitMs: 0 });
      if (delivery === undefined) continue;
      await engine.handle(delivery.message, NEVER);
      await queue.acknowledge(delivery);
    }
  }

  /** Lets calls through, the oldest first, until every worker has looked for a message and found none. */
  async #runOut(): Promise<void> {
    const { turnstile } = this;
    for (let idle = 0; idle <= this.#alive.length;) {
      const [next] = turnstile.waiting;
      idle = next?.call === "idle" ? idle + 1 : 0;
      await turnstile.turn(0);
    }
  }

  /** A write to the shelves fails in a way that may pass. */
  async #fail(pick: number): Promise<void> {
    const writes = [...this.turnstile.waiting.entries()].filter(([, { call }]) => call in this.shelves);
    const [index] = writes[pick % Math.max(1, writes.length)] ?? [];
    if (index !== undefined) await this.turnstile.turn(index, failure("BUSY", true));
  }

  async #lose(): Promise<void> {
    const delivery = await this.rig.receive();
    if (delivery !== undefined) await this.rig.ports.queue.acknowledge(delivery);
  }

  /** A message comes once more, now or later. */
  async #repeat(pick: number): Promise<void> {
    const delivery = await this.rig.receive();
    if (delivery === undefined) return;
    const { message }: { message: WorkMessage } = delivery;
    await this.rig.ports.queue.send([{ message }, { message, delayMs: (pick + 1) * 1_000 }]);
    await this.rig.ports.queue.acknowledge(delivery);
  }
}
