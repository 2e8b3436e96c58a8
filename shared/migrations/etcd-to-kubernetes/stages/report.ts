import { ledgerPages } from "../../../engine/ledger.ts";
import type { Action } from "../../../engine/migration.ts";
import type { Checkpoint, ResolutionUse } from "../../../engine/records.ts";
import type { ClusterConnections } from "../../connections.ts";
import { artifactName } from "../../context.ts";
import { type Context, decisions, resources, uncarried } from "../context.ts";
import { detailOf } from "../../copying/ledger-detail.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { NOTED_LEDGER } from "./verify.ts";

const PAGE = 1000;
/** How many entries of a list the report holds; the ledger holds all. */
const LISTED = 10_000;

/** The artifact that says what a run has done. */
export const REPORT = "report.json";

/** Writes down what moved, how long the datastore was locked, and what was not carried. */
export const report: Action<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "action",
  name: "report",
  title: "write the report",
  act: async (context) => {
    const content = Buffer.from(`${JSON.stringify(await compose(context), null, 2)}\n`);
    const written = await context.artifacts.write(artifactName(context, REPORT), [content]);
    await context.record({ artifact: written.name, sha256: written.sha256 });
    return { done: true };
  },
};

async function compose(context: Context): Promise<object> {
  const { run } = context;
  const { targetGroup, pinnedRevision } = await decisions(context);
  const { moved, conflicts } = await readResources(context);
  const noted = await context.ledger(NOTED_LEDGER).list({ limit: LISTED });
  return {
    apiVersion: "calico-migrator.io/v1",
    kind: "MigrationReport",
    run: run.runId,
    migration: run.migration,
    cluster: run.cluster,
    startedAt: iso(run.createdAt),
    reportedAt: iso(context.clock.now()),
    targetGroup,
    pinnedRevision,
    moved,
    lock: await lockTimes(context),
    verification: await verification(context),
    uncarried: (await uncarried(context).list({ limit: LISTED })).map(({ key, detail }) => ({
      key,
      ...detail,
    })),
    conflicts,
    writtenByOthers: noted.map(({ target, detail }) => ({ target, reason: detail["reason"] })),
    next: [
      "etcd is still locked by this run, for a late rollback. Keep it until you are sure, then decommission it.",
      "Change the datastore in your installer's inventory too (kubespray: calico_datastore: kdd), or it will be put back.",
    ],
  };
}

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

/** Walks all resources that are settled, once. */
async function readResources(context: Context): Promise<{ moved: Moved; conflicts: DecidedConflict[] }> {
  const moved: Moved = { total: 0, byKind: {}, byNamespace: {} };
  const conflicts: DecidedConflict[] = [];
  const states = ["applied", "verified", "reverted"] as const;
  for await (const page of ledgerPages(resources(context), { states, limit: PAGE })) {
    for (const row of page) if (row.state !== "reverted") countIn(moved, row);
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

function decided(row: Checkpoint): DecidedConflict[] {
  const { resolved, resolvedBy } = detailOf(row);
  return resolved === undefined ? [] : [{ target: row.target, use: resolved, by: resolvedBy }];
}

/** Times of the lock. `windowMs` is from the lock to ready for the switch, plus the unlock; the rollout stands apart. */
async function lockTimes(context: Context): Promise<object> {
  const { lockedAt } = await context.notesOf("lock");
  const { unlockedAt } = await context.notesOf("unlock");
  const began = (stage: string): Promise<number | undefined> =>
    context.stageOf(stage).then((s) => s?.startedAt);
  const [switchedAt, unlockBegan] = [await began("switch"), await began("unlock")];
  if (typeof lockedAt !== "number" || typeof unlockedAt !== "number") return {};
  if (switchedAt === undefined || unlockBegan === undefined) return {};
  return {
    lockedAt: iso(lockedAt),
    unlockedAt: iso(unlockedAt),
    windowMs: switchedAt - lockedAt + (unlockedAt - unlockBegan),
    rolloutMs: unlockBegan - switchedAt,
  };
}

async function verification(context: Context): Promise<object> {
  const stages = ["verify-copy", "verify-changes", "verify-all"];
  const records = await Promise.all(stages.map((stage) => context.stageOf(stage)));
  return Object.fromEntries(records.flatMap((one) => (one === undefined ? [] : [[one.stage, one.state]])));
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
