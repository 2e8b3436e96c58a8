import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import type { RetryPolicy } from "../../shared/engine/backoff.ts";
import type { Ask } from "../../shared/engine/asks.ts";
import { ledgerPages, openLedger } from "../../shared/engine/ledger.ts";
import type { ArtifactStore } from "../../shared/engine/ports.ts";
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
import { copyManifests, keepManifests, type KeptManifests } from "../start/manifests.ts";
import type { World } from "../world.ts";
import { ChecksReporter } from "./checks-reporter.ts";

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
  calico: z.record(z.string(), z.json()).default({}),
  targetGroup: z.string().optional(),
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
  options: Readonly<Record<string, unknown>>;
  cluster: NamedConnection;
  concurrency: number;
  /** Where the manifests are that the options name as kept; those that are files or URLs are read. */
  kept?: ArtifactStore;
}

/** What was looked at: the options with the manifests as they were read, and where these are for the moment. */
export interface Looked extends KeptManifests {
  artifacts: ArtifactStore;
}

/**
 * Runs the first stage of a migration, its preflight, in a store that is thrown away after `use`. Throws what preflight failed with
 * when that is not the verdict of its checks, and INTERRUPTED.
 */
export async function preview<T>(
  world: World,
  flags: OutputFlags,
  request: PreviewRequest,
  use: (found: Preview, looked: Looked) => Promise<T> | T,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "calico-migrator-plan-"));
  try {
    const path = join(folder, "store.db");
    await using session = openStoreSession(world, flags, {
      ...{ path, create: true, concurrency: request.concurrency, retry: RETRY },
    });
    await session.embedded.clusters.add({ ...request.cluster });
    const looked = await readOnce(session, request);
    const found = await readPreview(session, await runPreflight(session, request, looked.pinned));
    return await use(found, looked);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Manifests are read once, so that what is judged is what is kept, whatever becomes of the files. */
async function readOnce({ artifacts }: LocalSession, request: PreviewRequest): Promise<Looked> {
  const { migration, options, kept } = request;
  if (kept !== undefined) await copyManifests(kept, artifacts, { migration, options });
  return { artifacts, ...(await keepManifests(artifacts, migration, options)) };
}

async function runPreflight(
  session: LocalSession,
  { migration, cluster }: PreviewRequest,
  options: object,
): Promise<RunRecord> {
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
  const reporter = new ChecksReporter(openReporter(session, migration), second);
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
  const { checks, byKind, consents } = notes;
  const problems = async (name: string): Promise<Problem[]> => {
    const ledger = openLedger(embedded.store, runId, name, () => {
      throw new Error("a preview writes nothing");
    });
    const pages = await Array.fromAsync(ledgerPages(ledger, { limit: PAGE }));
    return pages.flat().map(problemOf);
  };
  const [uncarried, blockers] = [await problems("uncarried"), await problems("blockers")];
  return {
    checks,
    byKind,
    consents,
    findings: findingsOf(notes),
    asks: asks ?? [],
    uncarried,
    blockers,
    passed,
  };
}

/** Each migration records in a way of its own what its later stages go by. */
function findingsOf({ findings, calico, targetGroup }: z.infer<typeof Notes>): Record<string, unknown> {
  return {
    ...findings,
    ...(targetGroup === undefined ? {} : { targetGroup }),
    ...(Object.keys(calico).length === 0 ? {} : { calico }),
  };
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
