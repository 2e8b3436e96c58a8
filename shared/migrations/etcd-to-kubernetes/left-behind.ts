import type { Checkpoint } from "../../engine/records.ts";
import { lastingDetail } from "../copying/ledger-detail.ts";
import { consentSubject } from "./consent.ts";
import { type Context, decisions, uncarried } from "./context.ts";
import type { Copy } from "./copy-task.ts";
import { homelessness, homeOf, homeUid } from "./homes.ts";

/**
 * Leaves a resource behind whose namespace or node went while it was being copied. Before the lock it needs consent there, as if
 * preflight had found it; inside the lock whoever looks at homes next asks for it. Undefined where its home is there.
 */
export async function leaveBehind(
  context: Context,
  { checkpoint, source, carried }: Copy,
  when: "before-lock" | "late",
): Promise<Checkpoint | undefined> {
  const home = homeOf(carried.kind, carried.target);
  const uid = home === undefined ? undefined : await homeUid(context, home);
  const why = homelessness(home, () => uid !== undefined);
  if (why === undefined) return undefined;
  const { rank, key } = checkpoint;
  const found = when === "late" ? { late: true } : { revision: (await decisions(context)).pinnedRevision };
  const detail = { ...lastingDetail(checkpoint), subject: consentSubject(why.code), ...why, ...found };
  await uncarried(context).put([
    { rank, key, target: key, state: "pending", sourceRevision: source.modRevision, detail },
  ]);
  return { ...checkpoint, state: "reverted", detail: lastingDetail(checkpoint) };
}
