import { z } from "zod";
import type { Context } from "./context.ts";

/** The ledger of what `verify-copy`, and after it `verify-all`, has listed, a row a kind. */
const LEDGER = "seen-lists";
const RANK = 1;

/** A kind's list as it was compared: how many objects, and the resourceVersion that none of them is newer than. */
const SeenList = z.object({ version: z.string(), objects: z.int() });
export type SeenList = z.infer<typeof SeenList>;

/** Keeps it for a second look, which then need not read again what has not changed. */
export async function noteSeenList(context: Context, kind: string, list: SeenList): Promise<void> {
  const row = { rank: RANK, key: kind, target: kind, state: "verified" as const, sourceRevision: 0 };
  await context.ledger(LEDGER).put([{ ...row, detail: list }]);
}

/** Undefined where it was not kept, as by versions before. */
export async function seenListOf(context: Context, kind: string): Promise<SeenList | undefined> {
  const [row] = await context.ledger(LEDGER).get([{ rank: RANK, key: kind }]);
  return row === undefined ? undefined : SeenList.parse(row.detail);
}
