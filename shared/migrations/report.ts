import { type Ledger, ledgerPages } from "../engine/ledger.ts";
import type { Action, StageContext } from "../engine/migration.ts";
import type { Checkpoint, CheckpointState, ResolutionUse } from "../engine/records.ts";
import type { JsonObject } from "../json.ts";
import type { ClusterConnections } from "./connections.ts";
import { artifactName } from "./context.ts";
import { detailOf, LEFT_OUT } from "./copying/ledger-detail.ts";

const PAGE = 1000;

/** How many entries a list of a report holds; the ledgers hold all. */
export const LISTED = 10_000;

/** The artifact that says what a run has done. */
const REPORT = "report.json";

/** What moved, by native names of kinds. */
interface Moved {
  total: number;
  byKind: Record<string, number>;
  byNamespace: Record<string, Record<string, number>>;
}

/** What a person decided about a conflict; `skip` names what was left out. */
interface DecidedConflict {
  target: string;
  use: ResolutionUse;
  by: string | undefined;
}

/** What a migration's report is made of. */
interface ReportTraits<O, M extends object> {
  /** The members that it has beside those of every report. */
  compose: (context: StageContext<ClusterConnections, O>) => Promise<M>;
  /** What of them is kept in the stage's notes as well: small. */
  notes?: (members: M) => JsonObject;
}

/** The stage that writes a report for people, as an artifact named in its notes. */
export function reportStage<O, M extends object>({
  compose,
  notes,
}: ReportTraits<O, M>): Action<ClusterConnections, O> {
  return {
    kind: "action",
    name: "report",
    title: "write the report",
    act: async (context) => {
      const members = await compose(context);
      const content = Buffer.from(`${JSON.stringify({ ...heading(context), ...members }, null, 2)}\n`);
      const written = await context.artifacts.write(artifactName(context, REPORT), [content]);
      await context.record({ ...notes?.(members), artifact: written.name, sha256: written.sha256 });
      return { done: true };
    },
  };
}

/** How long the last lock lasted in all, and of it how long the run waited for a person. Milliseconds; empty without a lock. */
export function lockTotals<O>({ run: { lock } }: Pick<StageContext<ClusterConnections, O>, "run">): {
  lockedMs?: number;
  forPersonMs?: number;
} {
  if (lock?.until === undefined) return {};
  return { lockedMs: lock.until - lock.since, forPersonMs: lock.forPersonMs };
}

function heading<O>({ run, clock }: StageContext<ClusterConnections, O>): object {
  return {
    apiVersion: "calico-migrator.io/v1",
    kind: "MigrationReport",
    run: run.runId,
    migration: run.migration,
    cluster: run.cluster,
    startedAt: iso(run.createdAt),
    reportedAt: iso(clock.now()),
  };
}

/** Walks all resources that are settled, once; `look` sees each of those that moved. */
export async function readResources(
  resources: Ledger,
  look: (row: Checkpoint) => void = () => undefined,
): Promise<{ moved: Moved; conflicts: DecidedConflict[] }> {
  const moved: Moved = { total: 0, byKind: {}, byNamespace: {} };
  const conflicts: DecidedConflict[] = [];
  const states = ["applied", "verified", "reverted"] as const;
  for await (const page of ledgerPages(resources, { states, limit: PAGE })) {
    for (const row of page.filter(({ state }) => state !== "reverted")) {
      countIn(moved, row);
      look(row);
    }
    if (conflicts.length < LISTED) conflicts.push(...page.flatMap(decided));
  }
  return { moved, conflicts };
}

function countIn(moved: Moved, row: Checkpoint): void {
  const { kind, namespace } = detailOf(row);
  moved.total++;
  moved.byKind[kind] = (moved.byKind[kind] ?? 0) + 1;
  if (namespace === undefined) return;
  const inNamespace = (moved.byNamespace[namespace] ??= {});
  inNamespace[kind] = (inNamespace[kind] ?? 0) + 1;
}

/** What the options leave out was no conflict. */
function decided(row: Checkpoint): DecidedConflict[] {
  const { resolved, resolvedBy, code } = detailOf(row);
  return resolved === undefined || code === LEFT_OUT
    ? []
    : [{ target: row.target, use: resolved, by: resolvedBy }];
}

/** The first entries of a ledger, as `entry` gives them. */
export async function listed<T>(
  ledger: Ledger,
  entry: (row: Checkpoint) => T,
  states?: readonly CheckpointState[],
): Promise<T[]> {
  const query = states === undefined ? { limit: PAGE } : { states, limit: PAGE };
  const entries: T[] = [];
  for await (const page of ledgerPages(ledger, query)) {
    entries.push(...page.slice(0, LISTED - entries.length).map(entry));
    if (entries.length >= LISTED) break;
  }
  return entries;
}

/** Which of the verifications have come to an end. */
export async function verification<O>(
  context: StageContext<ClusterConnections, O>,
): Promise<Record<string, string>> {
  const stages = ["verify-copy", "verify-changes", "verify-all", "verify-revisions"];
  const records = await Promise.all(stages.map((stage) => context.stageOf(stage)));
  return Object.fromEntries(records.flatMap((one) => (one === undefined ? [] : [[one.stage, one.state]])));
}

/** A time in milliseconds as people read it. */
export function iso(time: number): string {
  return new Date(time).toISOString();
}
