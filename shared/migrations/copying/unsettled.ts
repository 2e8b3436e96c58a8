import type { Ledger } from "../../engine/ledger.ts";
import type { WaitRequest } from "../../engine/migration.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { MigratorError } from "../../errors.ts";
import { detailOf } from "./ledger-detail.ts";

const NAMED = 5;

/**
 * What of a rank could not be written: undefined when nothing; otherwise what to do about it, which is to wait for a
 * person in the case of conflicts, or to throw COPY_FAILED where the API server refused.
 */
export async function unsettled(
  ledger: Ledger,
  rank: number,
): Promise<(() => { wait: WaitRequest }) | undefined> {
  const failed = await ledger.list({ rank, states: ["failed"], limit: NAMED });
  const conflicts = await ledger.list({ rank, states: ["conflict"], limit: NAMED });
  if (failed.length > 0) {
    return () => {
      throw new MigratorError("COPY_FAILED", `resources could not be written: ${named(failed)}`, {
        next: "Mend what each reason says, then `resume`: only these are tried again. `describe` lists all of them.",
        details: { resources: failed.map(({ key }) => key) },
      });
    };
  }
  if (conflicts.length === 0) return undefined;
  const message = `resources of the target differ and are not this run's: ${named(conflicts)}`;
  return () => ({ wait: { reason: "Conflict", message, retryAfterMs: 0 } });
}

function named(checkpoints: readonly Checkpoint[]): string {
  const names = checkpoints.map((one) => `${one.target} (${detailOf(one).reason ?? "no reason recorded"})`);
  return names.join("; ") + (checkpoints.length === NAMED ? "; and perhaps more" : "");
}
