import type { Ledger } from "../../engine/ledger.ts";
import type { CheckpointQuery } from "../../engine/ports.ts";
import type { Checkpoint } from "../../engine/records.ts";

/** The checkpoints of one rank from one key to another, both included. */
export interface RankRange {
  rank: number;
  from: string;
  to: string;
}

/** The range that a run of checkpoints of one rank spans; undefined when there are none. */
export function spanOf(rows: readonly Checkpoint[]): RankRange | undefined {
  const [first, last] = [rows[0], rows.at(-1)];
  return first === undefined || last === undefined
    ? undefined
    : { rank: first.rank, from: first.key, to: last.key };
}

/** A page of a ledger as one range for each of the ranks. */
export function rangesByRank(page: readonly Checkpoint[], ranks: readonly number[]): RankRange[] {
  const spans = ranks.map((rank) => spanOf(page.filter((row) => row.rank === rank)));
  return spans.filter((span) => span !== undefined);
}

/** The rows of a range: the first one in any state, as ranges exclude where they start, then up to `limit` that match. */
export async function rowsInRange(
  ledger: Ledger,
  { rank, from, to }: RankRange,
  query: Pick<CheckpointQuery, "limit" | "states">,
): Promise<Checkpoint[]> {
  const first = await ledger.get([{ rank, key: from }]);
  return [...first, ...(await ledger.list({ ...query, rank, after: { rank, key: from }, upTo: to }))];
}
