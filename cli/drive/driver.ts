import { holderName } from "../../shared/adapters/embedded/index.ts";
import type { Engine } from "../../shared/engine/engine.ts";
import { HeldLease } from "../../shared/engine/held-lease.ts";
import type { CheckpointStore, Clock, WorkQueue } from "../../shared/engine/ports.ts";
import { runWorker } from "../../shared/engine/worker.ts";
import type { ClusterConnections } from "../../shared/migrations/connections.ts";

/** A lease this long is renewed three times as often; a holder of this machine that died loses it at once. */
const LEASE_TTL_MS = 30_000;
const VISIBILITY_MS = 60_000;
const BATCH_CONCURRENCY = 4;

/** The lease of a run's driver. */
export function driverLease(runId: string): string {
  return `driver/${runId}`;
}

interface DriverPorts {
  engine: Engine<ClusterConnections>;
  store: CheckpointStore;
  queue: WorkQueue;
  clock: Clock;
}

/** The worker of this process on one run. Only one process at a time drives a run; any other may look on and ask. */
export class Driver {
  readonly #lease: HeldLease;
  readonly #stop: AbortController;
  readonly #worker: Promise<void>;
  #failure: { error: unknown } | undefined;

  private constructor(ports: DriverPorts, runId: string, lease: HeldLease) {
    this.#lease = lease;
    this.#stop = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, lease.signal]);
    const settings = { batchConcurrency: BATCH_CONCURRENCY, visibilityMs: VISIBILITY_MS, runId };
    this.#worker = runWorker(ports, settings, signal).catch((error: unknown) => {
      this.#failure = { error };
      this.#stop.abort();
    });
  }

  /** Starts to drive the run; undefined while another live process does. */
  static async take(ports: DriverPorts, runId: string): Promise<Driver | undefined> {
    const request = { name: driverLease(runId), holder: holderName(), ttlMs: LEASE_TTL_MS };
    const lease = await HeldLease.take(ports, { ...request, signal: new AbortController().signal });
    if (lease === undefined) return undefined;
    await ports.engine.wake(runId);
    return new Driver(ports, runId, lease);
  }

  /** False once another process may have taken over, or the worker has failed. */
  get alive(): boolean {
    return !this.#lease.signal.aborted && this.#failure === undefined;
  }

  /** Throws what the worker failed with, if it did. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  /** Lets the worker reach a safe point, then gives the run free for others. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#worker;
    await this.#lease[Symbol.asyncDispose]();
  }
}
