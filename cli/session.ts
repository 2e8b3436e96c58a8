import type { StartRequest } from "../shared/engine/engine.ts";
import type { LeaveOutRequest } from "../shared/engine/leave-out.ts";
import type { ArtifactStore, CheckpointStore } from "../shared/engine/ports.ts";
import type { Approval, LeftBehind, ResolutionRequest, RunRecord } from "../shared/engine/records.ts";
import { type AwsSession, openAwsSession } from "./aws/session.ts";
import type { Driver } from "./drive/driver.ts";
import { type LocalSession, openStoreSession, type SessionOptions } from "./local-session.ts";
import type { OutputFlags } from "./options/common.ts";
import { placeWords, quoted } from "./place-words.ts";
import { targetOf } from "./target.ts";
import type { World } from "./world.ts";

/** What people ask of runs. Each is done, or taken by whoever works on the run, when its promise resolves. */
export interface RunActions {
  start(request: StartRequest): Promise<RunRecord>;
  pause(runId: string): Promise<void>;
  /** Goes on without what is left out from now on. */
  resume(runId: string, leaveOut?: LeaveOutRequest): Promise<void>;
  /** Returns what was approved: `subject`, else what the run waits for; with `seen`, only if that is its fingerprint. */
  approve(runId: string, by: string, subject?: string, seen?: string): Promise<Approval>;
  resolve(runId: string, by: string, requests: readonly ResolutionRequest[]): Promise<void>;
  undo(runId: string, kind: "abort" | "rollback"): Promise<void>;
  /** Throws what `undo` would refuse, so that nobody is asked about it first. */
  checkUndo(runId: string, kind: "abort" | "rollback"): Promise<void>;
  /** Returns what stays behind. */
  abandon(runId: string, by: string): Promise<LeftBehind[]>;
  /** True where nothing that is recorded speaks against undoing the run. */
  isUndoable(runId: string): Promise<boolean>;
  /** What would stay behind if the run were given up now. */
  leftBehind(runId: string): Promise<LeftBehind[]>;
}

/** The runs of one place, for the time of one command. */
export interface Session extends AsyncDisposable {
  /** In a file of this machine, or in what a stack has deployed. */
  readonly kind: "store" | "aws";
  readonly world: World;
  readonly flags: OutputFlags;
  /** Commands only read it; what changes a run is an action. */
  readonly store: CheckpointStore;
  readonly artifacts: ArtifactStore;
  readonly actions: RunActions;
  /** Where reports are put for people. */
  readonly reports: string;
  /** How often a run is looked at. Milliseconds. */
  readonly pollMs: number;
  /** Begins to work on a run in this process; undefined while another one does. Absent where others do all the work. */
  readonly drive?: (runId: string) => Promise<Driver | undefined>;
}

/** Opens the place that the flags name. Throws what `targetOf` and opening it throw. */
export async function openSession(
  world: World,
  flags: OutputFlags,
  options: SessionOptions = {},
): Promise<LocalSession | AwsSession> {
  const target = targetOf(world, flags);
  return target.kind === "aws"
    ? openAwsSession(world, flags, target)
    : openStoreSession(world, flags, { ...options, path: target.path });
}

/** A command line for people to go on with, in the same place. */
export function commandLine({ flags }: Pick<Session, "flags">, ...words: readonly string[]): string {
  return ["calico-migrator", ...words, ...placeWords(flags)].map(quoted).join(" ");
}
