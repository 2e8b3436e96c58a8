import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { RetryPolicy } from "../../shared/engine/backoff.ts";
import type { Ask } from "../../shared/engine/asks.ts";
import { ledgerPages, openLedger } from "../../shared/engine/ledger.ts";
import type { Checkpoint, RunRecord } from "../../shared/engine/records.ts";
import { MigratorError } from "../../shared/errors.ts";
import { accompany } from "../drive/accompany.ts";
import { Interrupt } from "../drive/interrupt.ts";
import { EXIT, exitCodeOf } from "../exit-codes.ts";
import type { OutputFlags } from "../options/common.ts";
import type { NamedConnection } from "../options/connection.ts";
import { openReporter } from "../progress/open-reporter.ts";
import { probe } from "../probe.ts";
import { type LocalSession, openStoreSession } from "../local-session.ts";
import { migrationOf } from "../migration.ts";
import type { World } from "../world.ts";

const PAGE = 1000;
/** About eight seconds: somebody waits for the answer, and nothing is lost by asking again. */
const RETRY: RetryPolicy = { maxAttempts: 6, firstDelayMs: 250, maxDelayMs: 5000 };

/** One check as preflight has recorded it. */
const Check = z.object({
  id: z.string(),
  title: z.string(),
  severity: z.enum(["blocking", "consent", "warning"]),
  fix: z.string(),
  status: z.enum(["pass", "fail", "not-applicable", "unknown"]),
  message: z.string(),
  items: z.array(z.string()).optional(),
  count: z.int().optional(),
});
export type Check = z.infer<typeof Check>;

const Notes = z.object({
  checks: z.array(Check).default([]),
  byKind: z.record(z.string(), z.int()).default({}),
  consents: z.record(z.string(), z.int()).default({}),
  findings: z.record(z.string(), z.json()).default({}),
});

/** A resource that cannot be carried, or that blocks, by its key in the source. */
export interface Problem {
  key: string;
  reason: string;
}

/** What preflight found, with nothing changed anywhere. */
export interface Preview {
  checks: Check[];
  /** How many resources would be carried, by kind; empty when it did not come so far. */
  byKind: Record<string, number>;
  /** What needs consent, by the subject to approve. */
  consents: Record<string, number>;
  /** What the stages after it go by, such as who installs Calico; empty where a migration records none. */
  findings: Record<string, unknown>;
  /** What the run will ask for, by what is found now. */
  asks: Ask[];
  uncarried: Problem[];
  blockers: Problem[];
  /** True when no blocking check has failed. */
  passed: boolean;
}

/** What is to be looked at. */
export interface PreviewRequest {
  migration: string;
  options: object;
  cluster: NamedConnection;
  concurrency: number;
}

/**
 * Runs the first stage of a migration, its preflight, in a store that is thrown away. Throws what preflight failed with
 * when that is not the verdict of its checks, and INTERRUPTED.
 */
export async function preview(world: World, flags: OutputFlags, request: PreviewRequest): Promise<Preview> {
  const folder = await mkdtemp(join(tmpdir(), "calico-migrator-plan-"));
  try {
    const path = join(folder, "store.db");
    await using session = openStoreSession(world, flags, {
      ...{ path, create: true, concurrency: request.concurrency, retry: RETRY },
    });
    await session.embedded.clusters.add({ ...request.cluster });
    return await readPreview(session, await runPreflight(session, request));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function runPreflight(session: LocalSession, request: PreviewRequest): Promise<RunRecord> {
  const { migration, options, cluster } = request;
  await probe(session, migration, cluster.connection);
  const second = migrationOf(session.world, migration).stages[1]?.name;
  const run = await session.engine.start({
    migration,
    cluster: cluster.name,
    options,
    approvals: [],
    ...(second === undefined ? {} : { stopBefore: second }),
  });
  using interrupt = new Interrupt(session.world);
  const reporter = openReporter(session, migration);
  const drive = { runId: run.runId, drive: true, mayAsk: false, reporter, interrupt };
  const { run: settled } = await accompany(session, drive);
  if (interrupt.signal.aborted) throw interrupted();
  const { failure } = settled;
  if (failure === undefined || exitCodeOf(failure.code) === EXIT.preflightFailed) return settled;
  throw new MigratorError(failure.code, failure.message, { next: failure.next });
}

async function readPreview({ embedded, engine }: LocalSession, run: RunRecord): Promise<Preview> {
  const { runId } = run;
  const passed = run.failure === undefined;
  // What a check has refused may be just what the stages after it rely on.
  const asks = passed ? await engine.asks(runId, new AbortController().signal) : [];
  const stages = await embedded.store.listStages(runId);
  const notes = Notes.parse(stages.find(({ stage }) => stage === "preflight")?.notes ?? {});
  const problems = async (name: string): Promise<Problem[]> => {
    const ledger = openLedger(embedded.store, runId, name, () => {
      throw new Error("a preview writes nothing");
    });
    const pages = await Array.fromAsync(ledgerPages(ledger, { limit: PAGE }));
    return pages.flat().map(problemOf);
  };
  const [uncarried, blockers] = [await problems("uncarried"), await problems("blockers")];
  return { ...notes, asks: asks ?? [], uncarried, blockers, passed };
}

function problemOf({ key, detail }: Checkpoint): Problem {
  const { reason } = detail;
  return { key, reason: typeof reason === "string" ? reason : "no reason recorded" };
}

function interrupted(): MigratorError {
  return new MigratorError("INTERRUPTED", "interrupted before the checks were done", {
    next: "Run the command again; nothing was changed.",
  });
}
