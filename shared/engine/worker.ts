import type { Engine } from "./engine.ts";
import type { Clock, Delivery, WorkMessage, WorkQueue } from "./ports.ts";

/** What a worker in one process works with. */
export interface WorkerSettings {
  /** How many batches it works on at once. */
  batchConcurrency: number;
  /** How long a received message stays hidden unless it is extended. Milliseconds. */
  visibilityMs: number;
  /** Only messages of this run; all runs without it. */
  runId?: string;
}

const RECEIVE_WAIT_MS = 1000;
const WAKE_EVERY_MS = 5000;

/**
 * Receives messages and lets the engine handle them until the signal aborts; then it waits for what is under way to
 * reach a safe point. Runs and batches are received apart, so that a run is never kept waiting by its own batches.
 * Throws what makes working impossible (the store cannot be written), once everything else has stopped.
 */
export async function runWorker<C>(
  ports: { engine: Engine<C>; queue: WorkQueue; clock: Clock },
  settings: WorkerSettings,
  outer: AbortSignal,
): Promise<void> {
  const broken = new AbortController();
  const signal = AbortSignal.any([outer, broken.signal]);
  const batchLoops = Array.from({ length: settings.batchConcurrency }, () => receiveLoop("batch.work"));
  const loops = [receiveLoop("run.advance"), wakeLoop(), ...batchLoops];
  for (const loop of loops)
    loop.catch(() => {
      broken.abort();
    });
  const ended = await Promise.allSettled(loops);
  const failed = ended.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;

  async function receiveLoop(only: WorkMessage["type"]): Promise<void> {
    const runId = settings.runId === undefined ? {} : { runId: settings.runId };
    const query = {
      max: 1,
      visibilityMs: settings.visibilityMs,
      waitMs: RECEIVE_WAIT_MS,
      signal,
      only,
      ...runId,
    };
    while (!signal.aborted) {
      for (const delivery of await ports.queue.receive(query)) await handle(delivery);
    }
  }

  async function handle(delivery: Delivery): Promise<void> {
    const heartbeat = setInterval(() => {
      ports.queue.extend(delivery, settings.visibilityMs).catch(() => undefined);
    }, settings.visibilityMs / 3);
    try {
      await ports.engine.handle(delivery.message, signal);
      await ports.queue.acknowledge(delivery);
    } finally {
      clearInterval(heartbeat);
    }
  }

  async function wakeLoop(): Promise<void> {
    while (!signal.aborted) {
      await ports.engine.wakeDue();
      await ports.clock.sleep(WAKE_EVERY_MS, signal);
    }
  }
}
