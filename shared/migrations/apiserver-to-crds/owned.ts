import type { Ledger } from "../../engine/ledger.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { Context } from "./context.ts";
import { nativeDetailOf } from "./native-detail.ts";

/**
 * The v1 objects that had Calico owners when they were read, by the same ids as in the ledger `resources`, which says what
 * owners they have now: so that nobody has to look for them inside the lock. `pending` until their owners are given back,
 * then `applied`, or `failed` where some stay off.
 */
export function owned(context: Pick<Context, "ledger">): Ledger {
  return context.ledger("owned");
}

/** Notes those of these checkpoints whose objects have Calico owners; to be called before anything of them is written. */
export async function noteOwned(
  context: Pick<Context, "ledger">,
  checkpoints: readonly Checkpoint[],
): Promise<void> {
  const rows = checkpoints.filter((row) => nativeDetailOf(row).owners !== undefined);
  await owned(context).put(rows.map((row) => ownedRow(row, "pending")));
}

/** The row of an object; `missing` are the owners that stay off, for people. */
export function ownedRow(
  { rank, key, target }: Checkpoint,
  state: "pending" | "applied" | "failed",
  missing: readonly string[] = [],
): Checkpoint {
  const reason = `it stays without its owner ${missing.join(", ")}, which is not a native object`;
  const detail = missing.length === 0 ? {} : { native: target, missing: [...missing], reason };
  return { rank, key, state, target: key, sourceRevision: 0, detail };
}
