import { z } from "zod";
import type { Sweep, SweepPlan } from "../../../engine/migration.ts";
import type { BatchRecord } from "../../../engine/records.ts";
import { EtcdCompactedError } from "../../../etcd/errors.ts";
import { errorMessage, isRetryable, MigratorError } from "../../../errors.ts";
import type { ClusterConnections } from "../../connections.ts";
import { keepReports, PREFLIGHT_REPORT, refuse } from "../../preflight/reports.ts";
import { artifactName } from "../../context.ts";
import { versionText } from "../../../calico/versions/version.ts";
import { rowsInRange } from "../../copying/ledger-ranges.ts";
import { type Context, resources } from "../context.ts";
import type { CalicoSides } from "../decisions.ts";
import { COPIED_RANKS, cut } from "../stages/pre-copy.ts";
import { tryResources } from "../try-resources.ts";
import { noteNamespaces } from "../homes.ts";
import { recordNodeNames } from "../node-names.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { CHECKS } from "./catalogue.ts";
import type { Check, CheckReport, CheckResult } from "./check.ts";
import { Facts } from "./facts.ts";
import { emptyInventory, Inventory } from "./inventory.ts";
import { noteOptionalFields } from "./missing-fields.ts";
import { readResources } from "./read-resources.ts";
import { surroundingsOf } from "./surroundings.ts";

const BATCHES_PER_STEP = 10;
const RankRange = z.object({ rank: z.int(), from: z.string(), to: z.string() });

const Cursor = z.object({
  phase: z.enum(["read", "try", "judge"]),
  from: z.string().optional(),
  /** In `try`: the last row that is in a batch. */
  after: z.object({ rank: z.int(), key: z.string() }).optional(),
  inventory: Inventory,
  retries: z.int(),
});
type Cursor = z.infer<typeof Cursor>;

/**
 * Looks, and changes nothing on any cluster: checks the connections, pins a revision of the source, reads every resource
 * at that revision and records what it becomes, lets the API server judge each by a dry run, then judges. A blocking check that fails stops the run; a resume starts
 * over with a new revision.
 */
export const preflight: Sweep<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "sweep",
  name: "preflight",
  title: "check both sides and read every resource at one revision, changing nothing",
  plan: async (context, previous) => {
    const cursor = previous === undefined ? undefined : Cursor.parse(previous);
    if (cursor === undefined || cursor.retries < context.run.retriesSeen) return checkConnections(context);
    switch (cursor.phase) {
      case "read":
        return read(context, cursor);
      case "try":
        return planTrials(context, cursor);
      case "judge":
        return judge(context, cursor);
    }
  },
  work: async (context, batch) => ({ done: true, counts: await tryBatch(context, batch) }),
};

async function checkConnections(context: Context): Promise<SweepPlan> {
  const facts = new Facts(context);
  const reports: CheckReport[] = [];
  const stopped: Stopped = new Map();
  for (const check of CHECKS) {
    if (check.phase === "connections")
      reports.push(await reportOf(check, () => check.run(facts, context), stopped));
  }
  await keepReports(context, artifactName(context, PREFLIGHT_REPORT), reports);
  refuse(reports);
  const pinnedRevision = await facts.currentRevision();
  const targetGroup = await facts.targetGroup();
  await context.record({ targetGroup, pinnedRevision, calico: await calicoSides(facts), missingFields: {} });
  await recordNodeNames(context, pinnedRevision);
  const inventory = emptyInventory();
  const surroundings = await surroundingsOf(context);
  await noteNamespaces(context, surroundings.namespaces);
  noteOptionalFields(surroundings, inventory);
  return { batches: [], cursor: { phase: "read", inventory, retries: context.run.retriesSeen } };
}

/** Which Calico is on which side. */
async function calicoSides(facts: Facts): Promise<CalicoSides> {
  const { version, from } = await facts.targetVersion();
  const etcd = await facts.etcdVersion();
  return {
    target: versionText(version),
    foundBy: from,
    ...(etcd === undefined ? {} : { etcd: versionText(etcd.version) }),
    missingKinds: [...(await facts.missingKinds())].sort(),
  };
}

async function read(context: Context, cursor: Cursor): Promise<SweepPlan> {
  const { inventory } = cursor;
  const revision = z.int().parse(context.notes["pinnedRevision"]);
  const surroundings = await surroundingsOf(context);
  let next: string | undefined;
  try {
    next = await readResources(context, surroundings, inventory, { from: cursor.from, revision });
  } catch (error) {
    if (error instanceof EtcdCompactedError) return checkConnections(context);
    throw error;
  }
  if (next !== undefined) return { batches: [], cursor: { ...cursor, from: next, inventory } };
  await context.record({ missingFields: inventory.missingFields });
  return { batches: [], cursor: { phase: "try", inventory, retries: cursor.retries } };
}

/** The batches of the next rows, so that trying them goes on in parallel and is shown. */
async function planTrials(context: Context, cursor: Cursor): Promise<SweepPlan> {
  const { batchSize } = context.options;
  const { after, ...rest } = cursor;
  const page = await resources(context).list({
    ...(after === undefined ? {} : { after }),
    states: ["pending"],
    limit: batchSize * BATCHES_PER_STEP,
  });
  const batches = COPIED_RANKS.flatMap((rank) =>
    cut(
      page.filter((row) => row.rank === rank),
      batchSize,
    ),
  );
  const last = page.at(-1);
  if (last === undefined || page.length < batchSize * BATCHES_PER_STEP)
    return { batches, cursor: { ...rest, phase: "judge" }, barrier: true };
  return { batches, cursor: { ...rest, after: { rank: last.rank, key: last.key } } };
}

async function tryBatch(context: Context, batch: Readonly<BatchRecord>): Promise<Record<string, number>> {
  const rows = await rowsInRange(resources(context), RankRange.parse(batch.scope), {
    states: ["pending"],
    limit: batch.size,
  });
  return tryResources(context, await surroundingsOf(context), rows);
}

async function judge(context: Context, cursor: Cursor): Promise<SweepPlan> {
  const { inventory } = cursor;
  const reports: CheckReport[] = [];
  const stopped: Stopped = new Map();
  for (const check of CHECKS) {
    if (check.phase === "resources")
      reports.push(await reportOf(check, () => check.run(inventory, context), stopped));
  }
  const all = [...(context.notes["checks"] as unknown as CheckReport[]), ...reports];
  await keepReports(context, artifactName(context, PREFLIGHT_REPORT), all);
  const { byKind, missingFields } = inventory;
  const { servedCrds } = await surroundingsOf(context);
  await context.record({
    byKind,
    missingFields,
    consents: consents(all, inventory),
    servedCrds: [...servedCrds],
  });
  refuse(all);
  await context.announce("preflight.passed", { resources: inventory.byKind });
  return { batches: [], done: true };
}

/** The errors that kept checks from judging, each with the blocking check that has told it. */
type Stopped = Map<string, string>;

/**
 * A check that throws has not found out, and what it threw says what to do, not the check. What several checks need and
 * cannot have, such as the manifest, is told by the first of them that blocks. What cannot be reached is thrown on, to be
 * tried again.
 */
async function reportOf(
  { id, title, severity, fix }: Check,
  run: () => Promise<CheckResult>,
  stopped: Stopped,
): Promise<CheckReport> {
  const traits = { id, title, severity };
  try {
    return { ...traits, fix, ...(await run()) };
  } catch (error) {
    if (isRetryable(error)) throw error;
    const isOurs = error instanceof MigratorError;
    const told = {
      fix: isOurs ? error.next : fix,
      message: isOurs ? `${error.code}: ${error.message}` : errorMessage(error),
    };
    const teller = stopped.get(told.message);
    if (teller !== undefined)
      return { ...traits, ...told, status: "unknown", message: `not found out: see ${teller}` };
    if (severity === "blocking") stopped.set(told.message, id);
    return { ...traits, ...told, status: severity === "warning" ? "unknown" : "fail" };
  }
}

function consents(reports: readonly CheckReport[], inventory: Inventory): Record<string, number> {
  const failed = reports.filter(({ status, severity }) => status === "fail" && severity === "consent");
  const subjects = failed.flatMap(({ id, count, items }) => {
    const subject = CHECKS.find((check) => check.id === id)?.subject;
    return subject === undefined ? [] : [[subject, count ?? items?.length ?? 1] as const];
  });
  return { ...Object.fromEntries(subjects), ...inventory.consents };
}
