import { z } from "zod";
import type { Context } from "./context.ts";

const ID = { rank: 1, key: "lost" };

const Loss = z.object({
  /** How often somebody has put the definitions back. */
  times: z.int(),
  /** When it was last counted, and last looked at. Milliseconds since the epoch. */
  countedAt: z.int(),
  lookedAt: z.int(),
  /** Since when it has been lost; absent once it is open again. */
  since: z.int().optional(),
  /** For the rest of the run: what is not copied yet is copied once projectcalico.org/v3 is native. */
  givenUp: z.boolean(),
  reason: z.string(),
});

/** What this run knows of a second version that somebody has taken away. */
export type Loss = z.infer<typeof Loss>;

/** How the second version was lost; undefined when it never was. In a ledger, so that batches may say it as well. */
export async function lossOf(context: Pick<Context, "ledger">): Promise<Loss | undefined> {
  const [row] = await context.ledger("second-version").get([ID]);
  return row === undefined ? undefined : Loss.parse(row.detail);
}

/** Records a loss in place of what was known. */
export async function keepLoss(
  context: Pick<Context, "ledger">,
  loss: Omit<Loss, "since"> & { since?: number | undefined },
): Promise<void> {
  const detail = Object.fromEntries(Object.entries(loss).filter(([, value]) => value !== undefined));
  const row = { ...ID, target: ID.key, state: "applied" as const, sourceRevision: 0, detail };
  await context.ledger("second-version").put([row]);
}
