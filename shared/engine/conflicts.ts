import { hash } from "node:crypto";
import { z } from "zod";
import { ledgerPages, openLedger } from "./ledger.ts";
import type { CheckpointStore } from "./ports.ts";
import type { Checkpoint } from "./records.ts";

/** The ledger in which every migration keeps what it copies: its rows in state `conflict` are the conflicts of a run. */
const LEDGER = "resources";
const PAGE = 500;

const ConflictDetail = z.object({
  key: z.string(),
  kind: z.string(),
  seen: z.string(),
  since: z.number(),
  /** Where both sides differ, as bounded text; a side that has nothing there is left out. */
  differences: z.array(
    z.object({ path: z.string(), source: z.string().optional(), target: z.string().optional() }),
  ),
  /** True when there are more differences than are named. */
  more: z.boolean(),
  /** Set where no side can count: its resource can only be left out. */
  onlySkip: z.literal(true).optional(),
  /** Opens the target's object, which may have other names than people know; runs of old do not tell. */
  command: z.string().optional(),
});

/** What `detail.conflict` of a checkpoint in state `conflict` holds, for people to decide on. */
export type ConflictDetail = z.infer<typeof ConflictDetail>;

/** A conflict of a run. */
export type Conflict = ConflictDetail & {
  /** The object's coordinates in the target. */
  target: string;
  reason: string;
};

/** The name of an object for people: `Kind/name`, `Kind/namespace/name`. */
export function conflictKey(ref: { kind: string; namespace?: string; name: string }): string {
  return [ref.kind, ...(ref.namespace === undefined ? [] : [ref.namespace]), ref.name].join("/");
}

/** One text for what both sides mean, given the hash of each: equal only as long as neither has changed. */
export function fingerprint(source: string, target: string): string {
  return hash("sha256", `${source} ${target}`, "hex");
}

/** Since when a checkpoint records a conflict with this fingerprint; `now` when it does not. */
export function conflictSince({ detail }: Checkpoint, seen: string, now: number): number {
  const before = ConflictDetail.safeParse(detail["conflict"]);
  return before.success && before.data.seen === seen ? before.data.since : now;
}

/** All conflicts of a run, in the order in which its resources are copied. */
export async function* conflictsOf(store: CheckpointStore, runId: string): AsyncGenerator<Conflict, void> {
  const ledger = openLedger(store, runId, LEDGER, () => {
    throw new Error("a list writes nothing");
  });
  for await (const page of ledgerPages(ledger, { states: ["conflict"], limit: PAGE })) {
    for (const row of page) yield conflictOf(row);
  }
}

/** A row of an older version says less; once the run has looked at it again it says all. */
function conflictOf({ target, detail }: Checkpoint): Conflict {
  const { reason, kind, conflict } = detail;
  const parsed = ConflictDetail.safeParse(conflict);
  const said = parsed.success ? parsed.data : bare(target, typeof kind === "string" ? kind : "");
  return { ...said, target, reason: typeof reason === "string" ? reason : "" };
}

function bare(target: string, kind: string): ConflictDetail {
  return { key: target, kind, seen: "unknown", since: 0, differences: [], more: false };
}
