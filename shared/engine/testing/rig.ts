import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Embedded, openEmbedded } from "../../adapters/embedded/index.ts";
import { Engine } from "../engine.ts";
import type { Migration } from "../migration.ts";
import type { Delivery, WorkMessage, WorkQueue } from "../ports.ts";
import type { DomainEvent, RunControl, RunRecord, StageRecord } from "../records.ts";
import type { EnginePorts, EngineSettings } from "../settings.ts";
import { isSettled } from "../settled.ts";
import { ManualClock } from "./manual-clock.ts";

/** How the engines of tests work: short enough that a test can wait for everything on a manual clock. */
export const SETTINGS: EngineSettings = {
  holder: "worker",
  leaseTtlMs: 30_000,
  busyDelayMs: 1_000,
  retry: { maxAttempts: 3, firstDelayMs: 100, maxDelayMs: 1_000 },
};

/** Ends nothing: for handlers that nobody interrupts. */
export const NEVER = new AbortController().signal;

const VISIBILITY_MS = 60_000;

/** A run with all that the store knows of it. */
type Described = { run: RunRecord; control: RunControl; stages: StageRecord[] };

/** An engine on a store of its own, with a clock that stands still, and a sink that remembers. */
export class Rig<C> {
  readonly clock: ManualClock;
  readonly embedded: Embedded;
  readonly ports: EnginePorts<C> & { queue: WorkQueue };
  /** What the event sink was given. */
  readonly told: DomainEvent[] = [];
  readonly migrations: readonly Migration<C>[];
  readonly engine: Engine<C>;

  constructor(parts: {
    clock: ManualClock;
    embedded: Embedded;
    connection: C;
    migrations: readonly Migration<C>[];
  }) {
    const { store, queue, artifacts } = parts.embedded;
    this.clock = parts.clock;
    this.embedded = parts.embedded;
    this.migrations = parts.migrations;
    const emit = (events: readonly DomainEvent[]): Promise<void> => {
      this.told.push(...events);
      return Promise.resolve();
    };
    const connections = { open: () => Promise.resolve(parts.connection) };
    this.ports = { store, queue, artifacts, connections, clock: parts.clock, events: { emit } };
    this.engine = this.engineWith({});
  }

  /** Another engine on the same store, with some ports and settings of its own, and perhaps other migrations. */
  engineWith(
    over: Partial<EnginePorts<C> & { queue: WorkQueue } & EngineSettings>,
    migrations: readonly Migration<C>[] = this.migrations,
  ): Engine<C> {
    return new Engine({ ...this.ports, ...over }, { ...SETTINGS, ...over }, migrations);
  }

  /** Starts a run of the first migration. */
  async start(approvals: readonly string[] = [], stopBefore?: string): Promise<string> {
    const [migration] = this.migrations;
    const given = approvals.map((subject) => ({ subject, by: "test", at: 0 }));
    const stop = stopBefore === undefined ? {} : { stopBefore };
    const request = { migration: migration?.name ?? "", cluster: "east", options: {}, approvals: given };
    return (await this.engine.start({ ...request, ...stop })).runId;
  }

  /** Takes one message that is due, if any. */
  async receive(only?: WorkMessage["type"]): Promise<Delivery | undefined> {
    const query = { max: 1, visibilityMs: VISIBILITY_MS, waitMs: 0 };
    const [delivery] = await this.ports.queue.receive(only === undefined ? query : { ...query, only });
    return delivery;
  }

  /** Handles every message that is due, until none is left. Returns how many there were. */
  async handleDue(engine: Engine<C> = this.engine, only?: WorkMessage["type"]): Promise<number> {
    for (let handled = 0; ; handled += 1) {
      if (handled > 10_000) throw new Error("the messages do not come to an end");
      const delivery = await this.receive(only);
      if (delivery === undefined) return handled;
      await engine.handle(delivery.message, NEVER);
      await this.ports.queue.acknowledge(delivery);
    }
  }

  /** Handles messages and lets time pass until the run goes no further by itself. */
  async settle(runId: string, engine: Engine<C> = this.engine): Promise<Described> {
    for (let seconds = 0; seconds < 600; seconds += 1) {
      await this.handleDue(engine);
      const described = await engine.describe(runId);
      if (isSettled(described.run, described.control)) return described;
      this.clock.advance(1_000);
      await engine.wakeDue();
    }
    const { run } = await engine.describe(runId);
    throw new Error(
      `the run is not settled: ${run.state} ${JSON.stringify(run.waiting)} at ${run.stage ?? "-"}`,
    );
  }

  /** Starts a run and takes it as far as it goes. */
  async run(approvals: readonly string[] = [], stopBefore?: string): Promise<Described> {
    return this.settle(await this.start(approvals, stopBefore));
  }

  /** All events of a run as the store has them. */
  events(runId: string): Promise<DomainEvent[]> {
    return this.ports.store.listEvents({ runId, after: 0, limit: 10_000 });
  }
}

/** Runs a test's body with a rig for these migrations, on a store that lives as long as the body. */
export async function withRig<C>(
  connection: C,
  migrations: readonly Migration<C>[],
  body: (rig: Rig<C>) => Promise<void>,
  clock = new ManualClock(),
): Promise<void> {
  // In memory where the system has such a folder: these tests kill workers, not machines.
  const base = existsSync("/dev/shm") ? "/dev/shm" : tmpdir();
  const folder = mkdtempSync(join(base, "engine-"));
  const embedded = openEmbedded(join(folder, "store.db"), { clock });
  try {
    await body(new Rig({ clock, embedded, connection, migrations }));
  } finally {
    embedded.close();
    rmSync(folder, { recursive: true });
  }
}
