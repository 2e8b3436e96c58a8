import { MigratorError } from "../../shared/errors.ts";
import type { Side, SideLock } from "../../shared/migrations/break-glass/locks.ts";
import type { UsedSide } from "../../shared/migrations/break-glass/used-side.ts";

/**
 * Refuses to open a datastore that calico-node does not use, and one beside another that is open: Calico would give addresses out of
 * both. What is open already is not opened, and not refused. Throws SIDE_NOT_USED, SIDE_OTHER_OPEN.
 */
export function refuseSecondSide(side: Side, locks: readonly SideLock[], used: UsedSide): void {
  if (locks.find((lock) => lock.side === side)?.locked !== true) return;
  if (used.side !== undefined && used.side !== side) throw notUsed(side, used.side, used.why);
  const open = locks.find((lock) => lock.side !== side && !lock.locked);
  if (open !== undefined) throw otherOpen(side, open.side, used);
}

function notUsed(side: Side, used: Side, why: string): MigratorError {
  return new MigratorError("SIDE_NOT_USED", `calico-node does not use ${side}, but ${used}: ${why}`, {
    next: `Unlock what it uses, with \`--side ${used}\`, and leave ${side} locked. Where you know better, give --anyway as well.`,
  });
}

function otherOpen(side: Side, open: Side, used: UsedSide): MigratorError {
  const uses =
    used.side === undefined
      ? `which one calico-node uses is not known: ${used.why}`
      : `calico-node uses ${used.side}: ${used.why}`;
  return new MigratorError(
    "SIDE_OTHER_OPEN",
    `${open} is open already, and Calico must not have two: ${uses}`,
    {
      next: `See to it that nothing uses ${open} any more, or leave ${side} locked. Where nothing uses ${open}, give --anyway as well.`,
    },
  );
}
