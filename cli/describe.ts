import { ledgerPages } from "../shared/engine/ledger.ts";
import type { Artifact, CheckpointStore } from "../shared/engine/ports.ts";
import type {
  Checkpoint,
  CheckpointState,
  Condition,
  DomainEvent,
  LeaseHolder,
  LeftBehind,
  RunControl,
  RunRecord,
  StageRecord,
} from "../shared/engine/records.ts";
import { isEnd } from "../shared/engine/records.ts";
import { RunNotFoundError } from "../shared/engine/errors.ts";
import type { JsonObject } from "../shared/json.ts";
import { keptObjects } from "../shared/migrations/kept-objects.ts";
import { differencesLedger } from "../shared/migrations/copying/verify-kinds.ts";
import { readRetries, type Retries, retriesText } from "./drive/retries.ts";
import { kindProgress, type KindProgress, progressText, readOnlyLedger } from "./kind-progress.ts";
import { duration, timestamp } from "./output/durations.ts";
import { lockLine } from "./lock.ts";
import { oneLine } from "./output/escape.ts";
import { table } from "./output/table.ts";
import type { Session } from "./session.ts";
import { stateText, workerOf, workerText } from "./worker.ts";

const PAGE = 1000;
const LAST_EVENTS = 20;

/** What an earlier reading found is over. */
const PRESENT: readonly CheckpointState[] = ["pending", "failed"];

/** Where a migration keeps what people have to know by name: the ledger, and which of its states count. */
interface List {
  title: string;
  ledger: string;
  states?: readonly CheckpointState[];
}

const LISTS: readonly List[] = [
  { title: "not carried", ledger: "uncarried", states: PRESENT },
  { title: "broken, or refused by the API server", ledger: "blockers", states: PRESENT },
  { title: "in conflict", ledger: "resources", states: ["conflict"] },
  { title: "not written", ledger: "resources", states: ["failed"] },
  { title: "also written by others", ledger: "written-by-others", states: ["conflict", "pending"] },
  { title: "without some owners", ledger: "owned", states: ["failed"] },
  { title: "left in the target", ledger: "leftovers", states: PRESENT },
  { title: "not carried back", ledger: "not-carried-back", states: PRESENT },
  { title: "changed since the unlock", ledger: "late-changes", states: PRESENT },
  { title: "accepted, and not in force", ledger: "native-writes", states: PRESENT },
];

/** A resource that people have to know by name. */
interface Problem {
  list: string;
  key: string;
  target: string;
  reason: string;
  /** What others have made of it, where a run has kept that. */
  object?: JsonObject;
}

/** Everything about one run. */
export interface Details {
  run: RunRecord;
  /** For people: also whether what runs has anybody who works on it. */
  state: string;
  /** Only of migrations that have phases. */
  phase: string | undefined;
  /** By kind; none before preflight has counted. */
  progress: KindProgress[];
  control: RunControl;
  stages: StageRecord[];
  problems: Problem[];
  /** All events. */
  events: DomainEvent[];
  artifacts: Artifact[];
  /** Who works on it now, if anybody. */
  worker: LeaseHolder | undefined;
  /** What is tried again, if anything. */
  retries: Retries | undefined;
}

/** Reads everything about a run. */
export async function readDetails(
  session: Pick<Session, "kind" | "store" | "artifacts" | "world">,
  run: RunRecord,
): Promise<Details> {
  const { store, artifacts, world } = session;
  const { runId } = run;
  const migration = world.migrations.find(({ name }) => name === run.migration);
  const control = await store.getControl(runId);
  if (control === undefined) throw new RunNotFoundError(runId);
  const stages = await store.listStages(runId);
  const worker = await workerOf(store, run);
  return {
    run,
    state: stateText(session, run, worker),
    phase: migration?.phase?.(run),
    progress: await kindProgress(store, runId, stages),
    control,
    stages,
    problems: await Array.fromAsync(problems(session, run, stages)),
    events: await Array.fromAsync(events(store, runId)),
    artifacts: await artifacts.list(`runs/${runId}/`),
    worker,
    retries: await readRetries(store, run, stages),
  };
}

async function* problems(
  { store, artifacts }: Pick<Session, "store" | "artifacts">,
  { runId, retriesSeen }: RunRecord,
  stages: readonly StageRecord[],
): AsyncGenerator<Problem, void> {
  const differences = await lastDifferences(store, { runId, retriesSeen }, stages);
  for (const { title, ledger: name, states } of [...LISTS, ...differences]) {
    const ledger = readOnlyLedger(store, runId, name);
    const query = states === undefined ? { limit: PAGE } : { states, limit: PAGE };
    for await (const page of ledgerPages(ledger, query)) {
      const kept = await keptObjects(artifacts, page);
      yield* page.map((row) => problemOf(title, row, kept.get(row.target)));
    }
  }
}

/** Where a verification that has not passed keeps all that it has found at its last attempt. */
async function lastDifferences(
  store: CheckpointStore,
  { runId, retriesSeen }: Pick<RunRecord, "runId" | "retriesSeen">,
  stages: readonly StageRecord[],
): Promise<List[]> {
  const open = stages.filter(({ track, state }) => track === "forward" && state !== "done");
  for (let attempt = retriesSeen; attempt >= 0; attempt--) {
    const lists = open.map(({ stage }) => ({
      title: `differs (${stage})`,
      ledger: differencesLedger(stage, attempt),
    }));
    for (const list of lists)
      if ((await readOnlyLedger(store, runId, list.ledger).list({ limit: 1 })).length > 0) return lists;
  }
  return [];
}

function problemOf(
  list: string,
  { key, target, detail }: Checkpoint,
  object: JsonObject | undefined,
): Problem {
  const { reason } = detail;
  const problem = { list, key, target, reason: typeof reason === "string" ? reason : "" };
  return object === undefined ? problem : { ...problem, object };
}

async function* events(store: CheckpointStore, runId: string): AsyncGenerator<DomainEvent, void> {
  for (let after = 0; ;) {
    const page = await store.listEvents({ runId, after, limit: PAGE });
    const last = page.at(-1);
    if (last === undefined) return;
    yield* page;
    after = last.sequence;
  }
}

/** A run's details for people. */
export function describeText(details: Details, now: number): string {
  const { control, stages, events: all, artifacts } = details;
  const approvals = control.approvals.map(({ subject, by, at }) => [subject, by, timestamp(at)]);
  const files = artifacts.map(({ name, bytes, sha256 }) => [name, String(bytes), sha256]);
  const told = all
    .slice(-LAST_EVENTS)
    .map(({ time, type, data }) => [timestamp(time), type, memberText(data)]);
  return [
    summaryText(details, control, now),
    section(
      "Conditions",
      ["TYPE", "STATUS", "SINCE", "REASON", "MESSAGE"],
      details.run.conditions.map(conditionRow),
    ),
    section("Kinds", ["KIND", "DONE", "TOTAL", "CONFLICTS", "FAILED"], details.progress.map(kindRow)),
    section("Stages", ["STAGE", "TRACK", "STATE", "TIME", "COUNTS"], stages.map(stageRow)),
    section("Approvals", ["SUBJECT", "BY", "AT"], approvals),
    section("Left behind", ["STEP", "WHAT"], (details.run.leftBehind ?? []).map(leftRow)),
    problemsText(details.problems),
    section("Artifacts", ["NAME", "BYTES", "SHA-256"], files),
    section(`Events (the last ${LAST_EVENTS} of ${all.length})`, ["TIME", "EVENT", "WHAT"], told),
  ]
    .filter((part) => part !== "")
    .join("\n");
}

function leftRow({ stage, title }: LeftBehind): string[] {
  return [stage, title];
}

function kindRow({ kind, done, total, conflicts, failed }: KindProgress): string[] {
  return [kind, ...[done, total, conflicts, failed].map(String)];
}

function conditionRow({ type, status, lastTransitionTime, reason, message }: Condition): string[] {
  return [type, status, timestamp(Date.parse(lastTransitionTime)), reason, message];
}

function summaryText(
  { run, state, phase, progress, worker, retries }: Details,
  control: RunControl,
  now: number,
): string {
  const cause = control.undoCause?.failure;
  const lines: [string, string | undefined][] = [
    ["Run", run.runId],
    ["Migration", run.migration],
    ["Cluster", run.cluster],
    ["State", state],
    ["Phase", phase],
    ["Progress", progressText(progress)],
    ["Stage", run.stage],
    ["Locked", lockLine(run, now)],
    ["Worker", isEnd(run.state) ? undefined : workerText(run, worker, now)],
    ["Retries", retries === undefined ? undefined : retriesText(retries)],
    ["Waiting", run.waiting === undefined ? undefined : `${run.waiting.reason}: ${run.waiting.message}`],
    ["Failure", run.failure === undefined ? undefined : `${run.failure.message} (${run.failure.code})`],
    ["Next", run.failure?.next],
    ["Stop before", control.stopBefore],
    ["Undo", control.undo],
    ["Because", cause === undefined ? undefined : `${cause.message} (${cause.code})`],
    ["Created", timestamp(run.createdAt)],
    ["Finished", run.finishedAt === undefined ? undefined : timestamp(run.finishedAt)],
    ["Plan", run.plan],
    ["Options", JSON.stringify(run.options)],
  ];
  const known = lines.filter((line): line is [string, string] => line[1] !== undefined);
  return known.map(([name, value]) => `${`${name}:`.padEnd(13)}${oneLine(value)}\n`).join("");
}

function stageRow({ stage, track, state, startedAt, finishedAt, counts }: StageRecord): string[] {
  const time = finishedAt === undefined ? "" : duration(finishedAt - startedAt);
  return [stage, track, state, time, memberText(counts)];
}

function problemsText(all: readonly Problem[]): string {
  const lists = Map.groupBy(all, ({ list }) => list);
  return [...lists]
    .map(([list, rows]) =>
      section(
        `${list.charAt(0).toUpperCase()}${list.slice(1)} (${rows.length})`,
        ["SOURCE", "TARGET", "REASON"],
        rows.map(({ key, target, reason }) => [key, target, reason]),
      ),
    )
    .join("\n");
}

function section(title: string, head: readonly string[], rows: readonly (readonly string[])[]): string {
  if (rows.length === 0) return "";
  const lines = table(head, rows).trimEnd().split("\n");
  return `${title}:\n${lines.map((line) => `  ${line}\n`).join("")}`;
}

function memberText(members: Readonly<Record<string, unknown>>): string {
  return Object.entries(members)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`)
    .join(" ");
}
