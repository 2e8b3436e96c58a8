import type { Json, JsonObject } from "../json.ts";
import type { Ledger } from "./ledger.ts";
import type { PhaseOf } from "./phase.ts";
import type { ArtifactStore, Clock } from "./ports.ts";
import type { Shown } from "./approvals.ts";
import type { LeaveOutRule } from "./leave-out.ts";
import type { LockPolicy } from "./lock.ts";
import type {
  BatchRecord,
  CheckpointState,
  Failure,
  LeftBehind,
  LockState,
  NewBatch,
  Resolution,
  RunRecord,
  StageRecord,
  WaitingReason,
} from "./records.ts";
import type { SeenConflict } from "./resolutions.ts";
import type { SubjectKind } from "./subjects.ts";

/** What a stage may use: `C` are the cluster's connections, `O` the migration's parsed options. */
export interface StageContext<C, O> {
  readonly run: Readonly<RunRecord>;
  readonly options: O;
  readonly connections: C;
  readonly artifacts: ArtifactStore;
  readonly clock: Clock;
  /** Aborted when the worker must stop at the next safe point: the lease was lost, or a person interrupts. */
  readonly signal: AbortSignal;
  /** Throws LeaseLostError when the right to work has expired. Called right before every write to a cluster. */
  ensureHeld(): void;
  /** What this stage has recorded so far: intents and results. */
  readonly notes: Readonly<JsonObject>;
  /** The checkpoints of this run under a name. */
  ledger(name: string): Ledger;
  /**
   * Records intents or results of this stage durably, before it returns; members given replace those of the same name.
   * An act that cannot be repeated blindly records first what it found and what it is going to do.
   */
  record(notes: JsonObject): Promise<void>;
  /** What a forward stage of this run has recorded; empty when it has not started. */
  notesOf(stage: string): Promise<Readonly<JsonObject>>;
  /** How far a forward stage of this run came; undefined when it has not started. */
  stageOf(stage: string): Promise<Readonly<StageRecord> | undefined>;
  /** True when a person has approved this subject, and exactly what is shown of it now; otherwise `askFor` it. */
  approved(subject: string, shown: Pick<Shown, "fingerprint">): boolean;
  /**
   * What a person has decided about a conflict as it is now; undefined when nothing, or when it has changed since. Record
   * in the checkpoint what was done by it: once a run waits for conflicts again, with no batch open, the decision may be
   * forgotten.
   */
  resolution(conflict: SeenConflict): Resolution | undefined;
  /** What people have left out since the run began, by name: see {@link LeaveOutRule}. */
  readonly leftOut: readonly string[];
  /** Tells the world of a state change, in the past tense, without secrets. */
  announce(type: string, data: JsonObject): Promise<void>;
  /**
   * Tells how it stands with the lock of the datastore that pods need, durably before it returns: `locking` right before the
   * lock is written and `locked` once it is, `unlocking` and `unlocked` likewise. What was told already is not told again, so a
   * stage may be repeated. `data` goes into the events `datastore.locked` and `datastore.unlocked`. Not for batches.
   */
  tellLock(state: LockState, datastore: string, data?: JsonObject): Promise<void>;
}

/** The run has to wait. It is looked at again after `retryAfterMs`, or when a person acts. */
export interface WaitRequest {
  reason: WaitingReason;
  message: string;
  retryAfterMs: number;
  /** For `Approval`: the subject to approve, and what identifies what is shown of it. See `askFor`. */
  subject?: string;
  seen?: Pick<Shown, "count" | "fingerprint">;
}

/** An outcome of an action or of planning: finished, or wait. */
export type StageOutcome = { done: true } | { wait: WaitRequest };

/** What every stage says of itself. */
export interface StageTraits<C, O> {
  /** Kebab-case, unique in its migration. */
  name: string;
  /** What it does, as an imperative phrase for plans and progress. */
  title: string;
  /** Subjects that must be approved before the stage starts; `describe` says why. */
  approvals?: readonly ApprovalRule<C, O>[];
  /** Subjects that the stage itself asks for while it runs; `always` where it shows the same whatever it finds. */
  asks?: readonly { subject: string; kind: SubjectKind }[];
  /** From here going back takes effort or loses something: no abort any more. Needs approval and stands in the plan. */
  pointOfNoReturn?: boolean;
  /** From here nothing brings back what was there. Needs an approval of its own, which no general yes covers. */
  irreversible?: true;
  /** Why nothing before this stage can be undone any more, by what the stage has recorded; undefined as long as it can. */
  beyondUndo?(notes: Readonly<JsonObject>): string | undefined;
  /** True when the stage writes to a cluster: from its start the run holds the cluster. */
  changesCluster?: boolean;
  /** From this stage until the end of the one with `ends` a datastore is locked: for plans. How it really stands is told by `tellLock`. */
  lockWindow?: "begins" | "ends";
  /**
   * How long it may be held up at a stretch, by anything but a person, while it keeps the datastore locked before the unlock:
   * then the run fails with GATE_DEADLINE. Milliseconds; a minute where it does not say. A gate with a deadline of its own has that.
   */
  heldMs?(options: O): number;
  /** How it is undone, in order; left out when nothing is to undo. The stages must be re-runnable. */
  undo?: readonly Stage<C, O>[];
}

/** Needs a person's yes before the stage starts. */
export interface ApprovalRule<C, O> {
  subject: string;
  /** What has to be approved now, or undefined when nothing has. What was approved and has changed since is asked for again. */
  needed(context: StageContext<C, O>): Promise<Shown | undefined>;
}

/** Waits until something holds. */
export interface Gate<C, O> extends StageTraits<C, O> {
  kind: "gate";
  /** How long it may take before the run fails with GATE_DEADLINE. Milliseconds; none: for ever. */
  deadlineMs?(options: O): number | undefined;
  check(context: StageContext<C, O>): Promise<StageOutcome>;
}

/** One idempotent act. It may be called again after a crash at any point, or after it asked to wait. */
export interface Action<C, O> extends StageTraits<C, O> {
  kind: "action";
  act(context: StageContext<C, O>): Promise<StageOutcome>;
}

/** A step of planning: batches to work on, and where planning goes on. */
export interface SweepPlan {
  batches: readonly NewBatch[];
  cursor?: Json;
  /** Plan on only when every batch opened so far is closed. */
  barrier?: boolean;
  /** Nothing more will be planned. */
  done?: boolean;
}

/** What became of a batch: finished, or partly, to be taken up again. */
export type BatchOutcome =
  | { done: true; counts: Record<string, number> }
  | {
      more: true;
      progress?: Json;
      retryAfterMs?: number;
      /** Why nothing could be done this time: people are told, and inside the lock it has an end as a stage's waiting has. */
      held?: Failure;
    };

/** The same act over many resources: planned page by page, worked on batch by batch, in parallel. */
export interface Sweep<C, O> extends StageTraits<C, O> {
  kind: "sweep";
  /** Plans the next page; `cursor` is what the step before returned. Must be repeatable from the same cursor. */
  plan(context: StageContext<C, O>, cursor: Json | undefined): Promise<SweepPlan | { wait: WaitRequest }>;
  /** Works on a batch; repeatable. */
  work(context: StageContext<C, O>, batch: Readonly<BatchRecord>): Promise<BatchOutcome>;
}

/** One step of a migration. */
export type Stage<C, O> = Gate<C, O> | Action<C, O> | Sweep<C, O>;

/** What a zod schema offers for parsing options. */
export interface OptionsParser<O> {
  safeParse(
    options: unknown,
  ):
    | { success: true; data: O }
    | { success: false; error: { issues: readonly { path: readonly PropertyKey[]; message: string }[] } };
}

/** What showing a run may use: it reads the run and its checkpoints, and writes nothing but what it shows. */
export type ShowContext<C, O> = Pick<
  StageContext<C, O>,
  "run" | "options" | "connections" | "clock" | "signal" | "ensureHeld" | "ledger" | "notesOf" | "stageOf"
>;

/** A procedure as data: its stages in order. */
export interface Migration<C, O extends JsonObject = JsonObject> {
  name: string;
  title: string;
  /** The command that people start it with, where that is not `start` with its name. */
  command?: string;
  options: OptionsParser<O>;
  stages: readonly Stage<C, O>[];
  /**
   * Runs before anything is undone, to look and to ask: none of it changes a cluster, so that a run of an older version that is past it
   * goes on without.
   */
  beforeUndo?: readonly Stage<C, O>[];
  /** Runs after everything else was undone, for example to prove that both sides are as they were. */
  afterUndo?: readonly Stage<C, O>[];
  /** What becomes of a run whose lock lasts too long, or that fails inside the lock; by default {@link DEFAULT_LOCK_POLICY}. */
  lockPolicy?(options: O): LockPolicy;
  /** For migrations whose users know phases: told in events of the run and its stages as `phase`, and shown to people. */
  phase?: PhaseOf;
  /** For migrations whose runs can leave single objects out once they have begun. */
  leaveOut?: LeaveOutRule<C>;
  /**
   * What somebody finds of a run that was given up, beside its lock and the steps that were not undone: by what it has recorded, as its
   * cluster may be gone. `count` tells how many checkpoints a ledger holds, by state.
   */
  traces?(
    runId: string,
    count: (ledger: string) => Promise<Partial<Record<CheckpointState, number>>>,
  ): Promise<LeftBehind[]>;
  /**
   * Shows a run to others as it is now. Called, while the run's lease is held, after the first step of each worker and after
   * every step that changed the run, its end included. Must be repeatable and quick: the run goes on only afterwards. What it throws stops
   * nothing: the run's condition `Shown` tells it, and the next change is shown again.
   */
  show?(context: ShowContext<C, O>): Promise<void>;
}

/** Where a migration has its stages. */
type Staged<C, O extends JsonObject> = Pick<Migration<C, O>, "stages" | "beforeUndo" | "afterUndo">;

/** Checks a migration's own consistency: stage names are unique, forward and backward. Throws a plain Error: a bug, not input. */
export function defineMigration<C, O extends JsonObject>(migration: Migration<C, O>): Migration<C, O> {
  const names = allStages(migration).map((stage) => stage.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Error(`migration ${migration.name} has two stages named ${twice}`);
  return migration;
}

/** Every stage of a migration, forward and backward. */
export function allStages<C, O extends JsonObject>(migration: Staged<C, O>): Stage<C, O>[] {
  return [...migration.stages, ...backStages(migration)];
}

/** Every stage that a way back may have. */
export function backStages<C, O extends JsonObject>({
  stages,
  beforeUndo = [],
  afterUndo = [],
}: Staged<C, O>): Stage<C, O>[] {
  return [...beforeUndo, ...stages.flatMap((stage) => stage.undo ?? []), ...afterUndo];
}

/** The stages that undo what has started: the reverse order, each with its own steps in order. */
export function undoStages<C, O extends JsonObject>(
  migration: Migration<C, O>,
  started: ReadonlySet<string>,
): Stage<C, O>[] {
  const undone = migration.stages.filter((stage) => started.has(stage.name)).reverse();
  return [
    ...(migration.beforeUndo ?? []),
    ...undone.flatMap((stage) => stage.undo ?? []),
    ...(migration.afterUndo ?? []),
  ];
}
