import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { busyShare, type LoadAtStart, loadNow } from "./machine.ts";

const SAMPLE_MS = 500;
const QUIET_SAMPLES = 3;
/** Of all cores. */
const QUIET_SHARE = 0.15;
const LONGEST_MS = 15_000;

/**
 * Waits until the machine has little to do: a fresh API server goes on computing for seconds after its CRDs were
 * established, which would count against whoever comes first. Goes on after 15 seconds all the same.
 */
export async function untilQuiet(): Promise<LoadAtStart> {
  const deadline = Date.now() + LONGEST_MS;
  for (let quiet = 0; ;) {
    const before = cpus();
    await sleep(SAMPLE_MS);
    const busy = busyShare(before, cpus());
    quiet = busy <= QUIET_SHARE ? quiet + 1 : 0;
    if (quiet >= QUIET_SAMPLES || Date.now() >= deadline) return loadNow(busy);
  }
}
