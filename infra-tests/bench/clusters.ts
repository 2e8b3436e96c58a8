import type { SeedOptions } from "../harness/seed.ts";
import { type Sides, startSides } from "../rig/clusters.ts";
import type { LoadAtStart } from "./report/machine.ts";
import { untilQuiet } from "./report/quiet.ts";

/** Runs `body` on fresh clusters with this seed, once the machine has become quiet, and ends them afterwards. */
export async function withSides<T>(
  seed: SeedOptions,
  body: (sides: Sides, load: LoadAtStart) => Promise<T>,
): Promise<T> {
  const sides = await startSides(seed);
  try {
    return await body(sides, await untilQuiet());
  } finally {
    await sides.stop();
  }
}

/** Tells people how far it is. */
export function say(text: string): void {
  process.stderr.write(`bench: ${text}\n`);
}
