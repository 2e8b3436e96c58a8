import { MigratorError } from "../../errors.ts";
import { Life } from "./life.ts";
import type { RunWorld, Worker } from "./run-world.ts";

/**
 * Starts a run with a store of at most so many pages of 4 KiB, and drives it as far as it goes.
 *
 * @returns the code of what stopped it, or undefined where the store was large enough.
 */
export async function stoppedByFullStore(
  world: RunWorld,
  maxPages: number,
  start: (worker: Worker) => Promise<string>,
): Promise<string | undefined> {
  try {
    const worker = world.worker(new Life(), { maxPages });
    const { run } = await world.drive(worker, await start(worker));
    worker.close();
    return run.failure?.code;
  } catch (error) {
    if (error instanceof MigratorError) return error.code;
    throw error;
  }
}
