import { randomBytes } from "node:crypto";
import { MigratorError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { isUndoable, leftBehind } from "./abandon.ts";
import { advanceRun } from "./advance.ts";
import { type Ask, asksOf } from "./asks.ts";
import { workBatch } from "./batch-work.ts";
import { RunNotFoundError } from "./errors.ts";
import { runLease } from "./lease-names.ts";
import { tellLifted } from "./lifted-lock.ts";
import { checkLeaveOut, type LeaveOutRequest, withLeftOut } from "./leave-out.ts";
import type { Migration } from "./migration.ts";
import type { WorkMessage } from "./ports.ts";
import type {
  Approval,
  LeftBehind,
  ResolutionRequest,
  RunControl,
  RunRecord,
  StageRecord,
} from "./records.ts";
import { isEnd, isUndone } from "./records.ts";
import { withResolutions } from "./resolutions.ts";
import type { EnginePorts, EngineParts, EngineSettings } from "./settings.ts";
import { checkStarted, migrationUnknown } from "./stage-list.ts";
import { approvedInAdvance, fingerprintOf, isCommitting } from "./subjects.ts";
import { WAKE_AFTER_MS } from "./transitions.ts";
import { whyTooLate } from "./undo.ts";
import { resendOpenBatches, sendAdvance } from "./stage-batches.ts";

/** What starts a run. */
export interface StartRequest {
  /** Chosen by whoever asks, so that asking twice starts one run; a new one without it. */
  runId?: string;
  migration: string;
  cluster: string;
  /** Parsed by the migration's own schema. */
  options: unknown;
  /** Subjects approved in advance. */
  approvals: readonly Approval[];
  stopBefore?: string;
  /** The hash of the plan that it follows. */
  plan?: string;
}

/** Runs migrations: every operation on a run, for handlers of messages and for people. */
export class Engine<C> {
  private readonly parts: EngineParts<C>;

  constructor(ports: EnginePorts<C>, settings: EngineSettings, migrations: readonly Migration<C>[]) {
    const byName = new Map(migrations.map((migration) => [migration.name, migration]));
    this.parts = { ...ports, ...settings, migrations: byName };
  }

  /**
   * Adds a run and asks for it to be advanced. Throws MIGRATION_UNKNOWN, STAGE_UNKNOWN (for `stopBefore`),
   * OPTIONS_INVALID, naming the option, SUBJECT_UNKNOWN and APPROVAL_UNSEEN for approvals in advance, and RunExistsError
   * for a `runId` that is taken; nothing is written then.
   */
  async start(request: StartRequest): Promise<RunRecord> {
    const migration = this.migration(request.migration);
    const options = parseOptions(migration, request.options);
    checkStage(migration, request.stopBefore);
    const now = this.parts.clock.now();
    const stages = migration.stages.map(({ name }) => name);
    const run = newRun(request, options, stages, now);
    const stop = request.stopBefore === undefined ? {} : { stopBefore: request.stopBefore };
    const approvals = approvedInAdvance(migration, request.approvals, request.stopBefore);
    await this.parts.store.createRun(run, { pause: false, approvals, retries: 0, ...stop });
    await sendAdvance(this.parts, run);
    return run;
  }

  /** Handles one message; handling it twice, late or out of order changes nothing. */
  async handle(message: WorkMessage, signal: AbortSignal): Promise<void> {
    if (message.type === "run.advance") await advanceRun(this.parts, message, signal);
    else await workBatch(this.parts, message, signal);
  }

  /** Asks the run to stop at its next safe point. */
  async pause(runId: string): Promise<void> {
    await this.ask(runId, (control) => ({ ...control, pause: true }));
  }

  /**
   * Lets a paused or failed run go on, without what is left out from now on. Throws RUN_ENDED, unless an undo that was asked for
   * is still to be begun; and SKIP_IMPOSSIBLE, SKIP_TOO_LATE and SKIP_UNKNOWN for what cannot be left out. Nothing is recorded then.
   */
  async resume(runId: string, leaveOut?: LeaveOutRequest): Promise<void> {
    const { run, control } = await this.controlled(runId);
    const isTurning = control.undo !== undefined && run.track === "forward";
    if (isEnd(run.state) && !isTurning) throw runEnded(run, nothingToResume(run));
    const out = leaveOut === undefined ? undefined : await this.leavingOut({ run, control }, leaveOut);
    await this.ask(runId, (now) => {
      const { retries, ...control } = out === undefined ? now : out(now);
      return { ...control, pause: false, retries: retries + 1 };
    });
    await this.wake(runId);
  }

  /**
   * Records an approval, bound to what the run shows now or to what the fingerprint names; without a subject, of what the run
   * waits for. Throws NOTHING_TO_APPROVE, SUBJECT_UNKNOWN, APPROVAL_STALE, APPROVAL_UNSEEN and RUN_MIGRATION_UNKNOWN; nothing is
   * recorded then.
   */
  async approve(runId: string, by: string, wanted?: string, seen?: string): Promise<Approval> {
    const { run, control } = await this.controlled(runId);
    const subject = wanted ?? run.waiting?.subject;
    if (subject === undefined) {
      throw new MigratorError("NOTHING_TO_APPROVE", `run "${runId}" does not wait for an approval`, {
        next: "See what it does with `calico-migrator describe`.",
      });
    }
    const migration = this.ofRun(run);
    const fingerprint = fingerprintOf(migration, { run, control }, { subject, fingerprint: seen });
    const approval = { subject, fingerprint, by, at: this.parts.clock.now() };
    await this.ask(runId, (now) => ({ ...now, approvals: [...now.approvals, approval] }));
    return approval;
  }

  /**
   * Records what a person decided about conflicts, and lets the run look at what it could not write again. Throws
   * NOTHING_TO_RESOLVE for a run that has ended or is undone, and RESOLUTIONS_TOO_MANY; nothing is recorded then.
   */
  async resolve(runId: string, by: string, requests: readonly ResolutionRequest[]): Promise<void> {
    const run = await this.existing(runId);
    const at = this.parts.clock.now();
    await this.ask(runId, (control) => {
      if (isEnd(run.state) || control.undo !== undefined) throw nothingToResolve(run);
      return withResolutions(control, run, { requests, by, at });
    });
    await this.wake(runId);
  }

  /**
   * Asks for the run to be undone. Throws UNDO_ENDED where it was undone already, UNDO_TOO_LATE where nothing can be undone any
   * more, RUN_STAGE_UNKNOWN and RUN_MIGRATION_UNKNOWN where this version does not know what has to be undone, and ABORT_TOO_LATE for an abort of a run past its
   * point of no return; nothing is recorded then, and the run stays as it is.
   */
  async undo(runId: string, kind: "abort" | "rollback"): Promise<void> {
    await this.checkUndo(runId, kind);
    await this.ask(runId, (control) => ({
      ...control,
      pause: false,
      undo: control.undo ?? kind,
      retries: control.retries + 1,
    }));
    await this.wake(runId);
  }

  /** Throws what `undo` throws, for whoever has a question to ask first. */
  async checkUndo(runId: string, kind: "abort" | "rollback"): Promise<void> {
    const run = await this.existing(runId);
    if (isUndone(run.state) || run.state === "Abandoned") throw undoEnded(run);
    const migration = this.ofRun(run);
    const records = await this.parts.store.listStages(runId);
    checkStarted(migration, run, records);
    const late = whyTooLate(migration, records);
    if (late !== undefined) throw undoTooLate(run, late);
    if (kind === "abort") refuseLateAbort(migration, run, records);
  }

  /**
   * Gives a run up as it stands, whoever may have to clean up after it: for one that nobody can finish or undo. Returns what stays
   * behind, by what is known now. Throws RUN_ENDED.
   */
  async abandon(runId: string, by: string): Promise<LeftBehind[]> {
    const run = await this.existing(runId);
    if (isEnd(run.state)) throw runEnded(run, "Nothing is left to give up.");
    const abandon = { by, at: this.parts.clock.now() };
    await this.ask(runId, (control) => ({ ...control, abandon: control.abandon ?? abandon }));
    return this.leftBehind(runId);
  }

  /** What nobody would undo any more if the run were given up now. Throws RunNotFoundError. */
  async leftBehind(runId: string): Promise<LeftBehind[]> {
    return leftBehind(this.parts, await this.existing(runId));
  }

  /** True where nothing that is recorded speaks against undoing the run. Throws RunNotFoundError. */
  async isUndoable(runId: string): Promise<boolean> {
    return isUndoable(this.parts, await this.existing(runId));
  }

  /** Tells a run that has ended that somebody else has lifted its lock, see {@link tellLifted}. */
  async tellLifted(runId: string, data: JsonObject): Promise<boolean> {
    return tellLifted(this.parts, runId, data);
  }

  /** Sends again everything that a run is owed: for messages that were lost, and when a worker starts. */
  async wake(runId: string): Promise<void> {
    const run = await this.existing(runId);
    if (run.stage !== undefined && !isEnd(run.state)) {
      await resendOpenBatches(this.parts, { runId, track: run.track, stage: run.stage });
    }
    const undoing = (await this.parts.store.getControl(runId))?.undo !== undefined;
    await sendAdvance(this.parts, undoing ? { runId, track: "rollback" } : run);
  }

  /** Wakes every run whose time has come and that nobody works on; returns their ids. */
  async wakeDue(limit = 100): Promise<string[]> {
    const due = await this.parts.store.dueRuns(this.parts.clock.now(), limit);
    const woken: string[] = [];
    for (const runId of due) {
      if (await this.wakeIdle(runId)) woken.push(runId);
    }
    return woken;
  }

  /** Wakes a run unless somebody works on it. True when it was woken. */
  async wakeIdle(runId: string): Promise<boolean> {
    if (!(await isFree(this.parts, runLease(runId)))) return false;
    await this.wake(runId);
    return true;
  }

  /** A run with its control and stages. Throws RunNotFoundError. */
  async describe(runId: string): Promise<{ run: RunRecord; control: RunControl; stages: StageRecord[] }> {
    const { run, control } = await this.controlled(runId);
    return { run, control, stages: await this.parts.store.listStages(runId) };
  }

  /** What a run will ask people for, see {@link asksOf}. Throws RunNotFoundError. */
  async asks(runId: string, signal: AbortSignal): Promise<Ask[] | undefined> {
    const { run, control } = await this.controlled(runId);
    return asksOf(this.parts, { run, control, migration: this.ofRun(run) }, signal);
  }

  /** True for migrations whose runs leave something to undo: a backup does not. One that is not known may. */
  hasUndo(name: string): boolean {
    const migration = this.parts.migrations.get(name);
    return migration === undefined || migration.stages.some(({ undo = [] }) => undo.length > 0);
  }

  /** The migration of a run that is there. Throws RUN_MIGRATION_UNKNOWN. */
  private ofRun(run: RunRecord): Migration<C> {
    const migration = this.parts.migrations.get(run.migration);
    if (migration === undefined) throw migrationUnknown(run);
    return migration;
  }

  /** A migration by name. Throws MIGRATION_UNKNOWN. */
  migration(name: string): Migration<C> {
    const migration = this.parts.migrations.get(name);
    if (migration !== undefined) return migration;
    const known = [...this.parts.migrations.keys()].join(", ");
    throw new MigratorError("MIGRATION_UNKNOWN", `there is no migration "${name}"`, {
      next: `Use one of: ${known}.`,
    });
  }

  private async leavingOut(
    { run, control }: { run: RunRecord; control: RunControl },
    leaveOut: LeaveOutRequest,
  ): Promise<(control: RunControl) => RunControl> {
    const migration = this.ofRun(run);
    await checkLeaveOut(this.parts, { run, control, migration }, leaveOut.objects);
    const request = { ...leaveOut, at: this.parts.clock.now() };
    return (now) => withLeftOut(now, { run, migration }, request);
  }

  private async ask(runId: string, change: (control: RunControl) => RunControl): Promise<void> {
    await this.existing(runId);
    const { undo } = await this.parts.store.updateControl(runId, change);
    await sendAdvance(this.parts, { runId, track: undo === undefined ? "forward" : "rollback" });
  }

  private async controlled(runId: string): Promise<{ run: RunRecord; control: RunControl }> {
    const run = await this.existing(runId);
    const control = await this.parts.store.getControl(runId);
    if (control === undefined) throw new RunNotFoundError(runId);
    return { run, control };
  }

  private async existing(runId: string): Promise<RunRecord> {
    const run = await this.parts.store.getRun(runId);
    if (run === undefined) throw new RunNotFoundError(runId);
    return run;
  }
}

function refuseLateAbort<C>(migration: Migration<C>, run: RunRecord, records: readonly StageRecord[]): void {
  const noReturn = migration.stages.filter(isCommitting);
  const passed = noReturn.find(({ name }) => records.some((s) => s.track === "forward" && s.stage === name));
  if (passed === undefined && run.state !== "Succeeded") return;
  throw new MigratorError("ABORT_TOO_LATE", `run "${run.runId}" is past its point of no return`, {
    next: `Use \`calico-migrator rollback ${run.runId}\`, which carries later changes back.`,
  });
}

function undoEnded({ runId, state }: RunRecord): MigratorError {
  if (state === "Abandoned")
    return new MigratorError("UNDO_ENDED", `run "${runId}" was given up: it is ${state}`, {
      next: `See what it left with \`calico-migrator describe ${runId}\`. ${afterAbandoned(runId)}`,
    });
  return new MigratorError("UNDO_ENDED", `run "${runId}" has been undone: it is ${state}`, {
    next: "Nothing is left to undo. Start again with `calico-migrator start`.",
  });
}

/** The advice for people whose run was given up. */
function afterAbandoned(runId: string): string {
  return `A lock of it is lifted with \`calico-migrator unlock --force --side SIDE\`; delete what has the field manager calico-migrator:${runId} before you start again with \`calico-migrator start\`.`;
}

function undoTooLate({ runId }: RunRecord, reason: string): MigratorError {
  return new MigratorError("UNDO_TOO_LATE", `run "${runId}" cannot be undone any more: ${reason}`, {
    next: `Leave it as it is, or \`resume\` it if it has not ended. What was deleted is in its backup: see \`calico-migrator restore --help\`.`,
  });
}

function runEnded({ runId, state }: RunRecord, next: string): MigratorError {
  return new MigratorError("RUN_ENDED", `run "${runId}" has ended: it is ${state}`, { next });
}

function nothingToResume({ runId, state }: RunRecord): string {
  if (state === "Abandoned") return `Nothing of a run that was given up goes on. ${afterAbandoned(runId)}`;
  const again = state === "Succeeded" ? "" : " Start again with `calico-migrator start`.";
  return `Nothing is left to resume.${again}`;
}

function nothingToResolve({ runId, state }: RunRecord): MigratorError {
  const message = `run "${runId}" has no conflicts to decide: it has ended or is being undone (${state})`;
  return new MigratorError("NOTHING_TO_RESOLVE", message, {
    next: "See what it does with `calico-migrator describe`.",
  });
}

/** True when nobody holds a lease, which is then free for whoever comes first. */
async function isFree<C>({ store, holder, leaseTtlMs }: EngineParts<C>, name: string): Promise<boolean> {
  const lease = await store.acquireLease(name, holder, leaseTtlMs);
  if (lease !== undefined) await store.releaseLease(lease);
  return lease !== undefined;
}

/** A migration's options as its schema has them. Throws OPTIONS_INVALID, naming each that is wrong. */
export function parseOptions<C>(migration: Migration<C>, options: unknown): JsonObject {
  const parsed = migration.options.safeParse(options);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues
    .map((issue) => `${issue.path.map(String).join(".")}: ${issue.message}`)
    .join("; ");
  const { name, command = `start ${name}` } = migration;
  throw new MigratorError("OPTIONS_INVALID", `options of ${name}: ${issues}`, {
    next: `Correct what is named: see \`calico-migrator ${command} --help\`.`,
  });
}

/** Throws STAGE_UNKNOWN for a stage that the migration has not. */
export function checkStage<C>(migration: Migration<C>, stage: string | undefined): void {
  if (stage === undefined || migration.stages.some(({ name }) => name === stage)) return;
  const known = migration.stages.map(({ name }) => name).join(", ");
  throw new MigratorError("STAGE_UNKNOWN", `${migration.name} has no stage "${stage}"`, {
    next: `Use one of: ${known}.`,
  });
}

/** An id that no run has yet: the migration's name with eight random digits. */
export function newRunId(migration: string): string {
  return `${migration}-${randomBytes(4).toString("hex")}`;
}

function newRun(request: StartRequest, options: JsonObject, stages: string[], now: number): RunRecord {
  const { migration, cluster, runId = newRunId(migration), plan } = request;
  const counters = { attempt: 0, retriesSeen: 0, version: 0, eventSequence: 0, eventsDelivered: 0 };
  const times = { createdAt: now, updatedAt: now, nextWakeAt: now + WAKE_AFTER_MS };
  const state = { state: "Pending", track: "forward", conditions: [], holdsCluster: false } as const;
  const from = plan === undefined ? {} : { plan };
  return {
    runId,
    migration,
    cluster,
    options,
    ...from,
    stages,
    ...state,
    conditions: [],
    ...counters,
    ...times,
  };
}
