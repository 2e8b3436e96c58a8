import { type NativeBed, type NativeBedOptions, startNativeBed } from "../../rig/native/bed.ts";
import type { LoadAtStart } from "../report/machine.ts";
import { untilQuiet } from "../report/quiet.ts";

/** Runs `body` on a fresh bed to whose native CRDs nothing has been written, once the machine has become quiet. */
export async function withBed<T>(
  options: NativeBedOptions,
  body: (bed: NativeBed, load: LoadAtStart) => Promise<T>,
): Promise<T> {
  const bed = await startNativeBed({ ...options, applied: true });
  try {
    return await body(bed, await untilQuiet());
  } finally {
    await bed.stop();
  }
}

/** How many objects of the old group a bed has to be carried. ClusterInformation is the lock's. */
export function carriedBy({ expected }: Pick<NativeBed, "expected">): number {
  return [...expected]
    .filter(([kind]) => kind !== "ClusterInformation")
    .reduce((sum, [, count]) => sum + count, 0);
}
