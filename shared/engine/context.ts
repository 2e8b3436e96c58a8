import type { JsonObject } from "../json.ts";
import { isApproved } from "./approvals.ts";
import type { HeldLease } from "./held-lease.ts";
import { openLedger } from "./ledger.ts";
import type { StageContext } from "./migration.ts";
import type { LockState, RunControl, RunRecord, StageRecord } from "./records.ts";
import { resolutionOf } from "./resolutions.ts";
import type { EngineParts } from "./settings.ts";

/** What a context is made from. */
export interface ContextSource<C> {
  parts: EngineParts<C>;
  run: RunRecord;
  control: RunControl;
  connections: C;
  lease: HeldLease;
  /** The stage's record, kept up to date by `record`. */
  stage: StageRecord;
  announce: (type: string, data: JsonObject) => Promise<void>;
  tellLock: (state: LockState, datastore: string, data: JsonObject) => Promise<void>;
  /** False for workers on a batch: the stage's notes belong to the holder of the run. */
  mayRecord: boolean;
}

/** The view that a stage's functions get of the engine. */
export function stageContext<C>(source: ContextSource<C>): StageContext<C, JsonObject> {
  const { parts, run, lease, stage } = source;
  const forwardStage = forwardStages(source);
  return {
    run,
    options: run.options,
    connections: source.connections,
    artifacts: parts.artifacts,
    clock: parts.clock,
    signal: lease.signal,
    ensureHeld: () => {
      lease.ensureHeld();
    },
    get notes() {
      return stage.notes;
    },
    ledger: (name) => openLedger(parts.store, run.runId, name, () => lease.current),
    record: async (notes) => {
      if (!source.mayRecord)
        throw new Error(`stage ${stage.stage}: a batch cannot record notes of its stage`);
      stage.notes = { ...stage.notes, ...notes };
      await parts.store.saveStage(stage, lease.current);
    },
    notesOf: async (name) => (await forwardStage(name))?.notes ?? {},
    stageOf: forwardStage,
    approved: (subject, { fingerprint }) => isApproved(source.control.approvals, subject, fingerprint),
    resolution: (conflict) => resolutionOf(source.control.resolutions, conflict),
    leftOut: (source.control.leftOut ?? []).map(({ object }) => object),
    announce: source.announce,
    tellLock: (state, datastore, data = {}) => source.tellLock(state, datastore, data),
  };
}

/** Reads stages of the way forward; one that is done does not change any more, and is read once. */
function forwardStages<C>({
  parts,
  run,
}: ContextSource<C>): (stage: string) => Promise<StageRecord | undefined> {
  const done = new Map<string, StageRecord>();
  return async (stage) => {
    const known = done.get(stage);
    if (known !== undefined) return known;
    const found = await parts.store.getStage({ runId: run.runId, track: "forward", stage });
    if (found?.state === "done") done.set(stage, found);
    return found;
  };
}
