import { z } from "zod";
import type { StageContext } from "../../../engine/migration.ts";
import type { Ledger } from "../../../engine/ledger.ts";
import { LOCK_OPTIONS } from "../../lock-options.ts";
import type { ClusterConnections } from "../../connections.ts";

/** Options of `restore`. */
export const RestoreOptions = z.strictObject({
  /** The run that made the backup, whether this store knows that run or only its backup. */
  from: z.string().min(1),
  side: z.enum(["etcd", "kubernetes"]),
  ...LOCK_OPTIONS,
});
export type RestoreOptions = z.infer<typeof RestoreOptions>;

/** What the stages of `restore` get. */
export type Context = StageContext<ClusterConnections, RestoreOptions>;

/** A row for everything that is put back: `pending` until it is written, `verified` what was there as it is in the backup. */
export function rows(context: Pick<Context, "ledger">): Ledger {
  return context.ledger("resources");
}

/** What is in the backup and stays out, and what is here and not in the backup; `detail.subject` is what has to be approved. */
export function uncarried(context: Pick<Context, "ledger">): Ledger {
  return context.ledger("uncarried");
}
