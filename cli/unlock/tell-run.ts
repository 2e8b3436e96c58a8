import { isEnd } from "../../shared/engine/records.ts";
import type { Side, SideLock } from "../../shared/migrations/break-glass/locks.ts";
import type { UsedSide } from "../../shared/migrations/break-glass/used-side.ts";
import type { World } from "../world.ts";
import type { Place } from "./place.ts";

/**
 * Tells the run whose lock was lifted that pods get their network again, where the store of this machine knows that it has ended: its
 * record would say for ever that the datastore is locked. Nothing is told while what calico-node uses is locked still, or may be.
 */
export async function tellRun(
  world: World,
  place: Place,
  lifted: { side: Side; lockedBy: string | undefined; by: string },
  now: { locks: readonly SideLock[]; used: UsedSide },
): Promise<void> {
  const { side, lockedBy: runId, by } = lifted;
  if (place.session?.kind !== "store" || runId === undefined) return;
  const run = await place.session.store.getRun(runId);
  if (run === undefined || !isEnd(run.state) || !isOpen(now)) return;
  const where = side === "etcd" ? { side: "etcd" } : { side: "kubernetes", group: side };
  const told = await place.session.engine.tellLifted(runId, { ...where, by });
  world.stderr.write(
    told
      ? `run ${runId}: its record says that the datastore is unlocked\n`
      : `run ${runId}: its record could not be told, as another process works on it\n`,
  );
}

/** True where pods get their network. Where nobody knows what calico-node uses, all must be open. */
function isOpen({ locks, used }: { locks: readonly SideLock[]; used: UsedSide }): boolean {
  const needed = used.side === undefined ? locks : locks.filter(({ side }) => side === used.side);
  return needed.every(({ locked }) => !locked);
}
