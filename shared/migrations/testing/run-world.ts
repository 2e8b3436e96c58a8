import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Embedded, openEmbedded } from "../../adapters/embedded/index.ts";
import { Engine } from "../../engine/engine.ts";
import type { Migration } from "../../engine/migration.ts";
import type { Delivery, WorkMessage } from "../../engine/ports.ts";
import type { RunControl, RunRecord, StageRecord } from "../../engine/records.ts";
import { isSettled } from "../../engine/settled.ts";
import { ManualClock } from "../../engine/testing/manual-clock.ts";
import type { ClusterConnections } from "../connections.ts";
import { Life, WRITES } from "./life.ts";

const LEASE_MS = 30_000;
const VISIBILITY_MS = 40_000;
const STEPS = 5_000;
/** In memory where the system has such a place: a commit per step is what most of the time goes to. */
const FOLDER = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();

/** What a run is, with what people asked of it and its stages. */
export interface Described {
  run: RunRecord;
  control: RunControl;
  stages: StageRecord[];
}

/** A process that works on runs, until its life ends. */
export interface Worker {
  readonly engine: Engine<ClusterConnections>;
  readonly embedded: Embedded;
  readonly life: Life;
  /** Handles one message that is due; false when there is none. A life that ends in it leaves it half done. */
  step(only?: WorkMessage["type"]): Promise<boolean>;
  close(): void;
}

/** Clusters in memory, and a store on disk, on which runs are worked: what outlives every worker. */
export abstract class RunWorld implements Disposable {
  readonly clock = new ManualClock();
  readonly #folder = mkdtempSync(join(FOLDER, "calico-migrator-world-"));
  readonly #open = new Set<Worker>();
  readonly #migrations: readonly Migration<ClusterConnections>[];
  #workers = 0;

  constructor(migrations: readonly Migration<ClusterConnections>[]) {
    this.#migrations = migrations;
  }

  /** What a life gets to work with. */
  protected abstract connect(life: Life): ClusterConnections;

  /** Starts a worker on the store's file, which may be no larger than `maxPages` pages of 4 KiB. */
  worker(life = new Life(), limits: { maxPages?: number } = {}): Worker {
    const embedded = openEmbedded(join(this.#folder, "store.db"), { clock: this.clock, ...limits });
    const queue = life.bind(embedded.queue, WRITES.queue);
    const connections = this.connect(life);
    const ports = {
      store: life.bind(embedded.store, WRITES.store),
      queue,
      artifacts: life.bind(embedded.artifacts, WRITES.artifacts),
      events: embedded.events,
      clock: this.clock,
      connections: { open: () => Promise.resolve(connections) },
    };
    const settings = {
      holder: `worker-${this.#workers++}`,
      leaseTtlMs: LEASE_MS,
      busyDelayMs: 1_000,
      retry: { maxAttempts: 5, firstDelayMs: 100, maxDelayMs: 1_000 },
    };
    const engine = new Engine<ClusterConnections>(ports, settings, this.#migrations);
    const handle = async (delivery: Delivery): Promise<void> => {
      await engine.handle(delivery.message, NEVER);
      await queue.acknowledge(delivery);
    };
    const worker: Worker = {
      engine,
      embedded,
      life,
      step: async (only) => {
        const query = {
          max: 1,
          visibilityMs: VISIBILITY_MS,
          waitMs: 0,
          ...(only === undefined ? {} : { only }),
        };
        const work = queue.receive(query).then(async ([delivery]) => {
          if (delivery !== undefined) await handle(delivery);
          return delivery !== undefined;
        });
        const ended = await Promise.race([work, life.ended]);
        return ended === "ended" || ended;
      },
      close: () => {
        life.kill();
        if (this.#open.delete(worker)) embedded.close();
      },
    };
    this.#open.add(worker);
    return worker;
  }

  /** Handles messages, and moves time on when none is due, until the run needs somebody or the life has ended. */
  async drive(
    worker: Worker,
    runId: string,
    until: (run: RunRecord, control: RunControl) => boolean = isSettled,
  ): Promise<Described> {
    for (let steps = 0; steps < STEPS; steps++) {
      const described = await this.describe(worker, runId);
      if (worker.life.dead || until(described.run, described.control)) return described;
      await this.advance(worker);
    }
    throw new Error(`the run went on for more than ${STEPS} steps`);
  }

  /** Handles a message, or moves time on when none is due. */
  async advance(worker: Worker): Promise<void> {
    if ((await worker.step()) || worker.life.dead) return;
    this.clock.advance(1_000);
    await Promise.race([worker.engine.wakeDue(), worker.life.ended]);
  }

  /** Reads a run past any worker's life. */
  async describe({ embedded }: Worker, runId: string): Promise<Described> {
    const [run, control, stages] = await Promise.all([
      embedded.store.getRun(runId),
      embedded.store.getControl(runId),
      embedded.store.listStages(runId),
    ]);
    if (run === undefined || control === undefined) throw new Error(`there is no run ${runId}`);
    return { run, control, stages };
  }

  [Symbol.dispose](): void {
    for (const worker of this.#open) worker.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

const NEVER = new AbortController().signal;
