import type { BatchRecord, BatchRef, Failure, NewBatch } from "../../../engine/records.ts";
import type { Json, JsonObject } from "../../../json.ts";
import type { Action } from "./actions.ts";
import { type Document, fromDocument, toDocument } from "./document.ts";
import { batchKey } from "./keys.ts";
import { ensureFits, type Item } from "./record-size.ts";

/** The item of a batch. */
export interface BatchItem {
  batch: number;
  state: BatchRecord["state"];
  scope: Document;
  size: number;
  progress?: Document;
  attempts: number;
  failure?: Document;
  stuck: boolean;
  /** It was written in parts: it counts only once its stage has counted it. */
  opening?: string;
}

/** A batch that is to be opened. Throws RecordTooLargeError. */
export function newBatchItem(ref: BatchRef, batch: NewBatch): Item {
  const item = {
    ...batchKey(ref),
    batch: ref.batch,
    state: "open",
    scope: toDocument(batch.scope),
    size: batch.size,
    attempts: 0,
    stuck: false,
  };
  ensureFits(batchName(ref), item);
  return item;
}

/** Saves progress, attempts and failure of a batch that is open. Throws RecordTooLargeError. */
export function batchUpdate(batch: BatchRecord): Action {
  const { progress, failure, attempts, stuck } = batch;
  const present = {
    ...(progress === undefined ? {} : { progress: toDocument(progress) }),
    ...(failure === undefined ? {} : { failure: toDocument(failure) }),
  };
  ensureFits(batchName(batch), { ...present, scope: toDocument(batch.scope) });
  const absent = ["progress", "failure"].filter((name) => !(name in present));
  const names = Object.keys(present);
  const assignments = ["attempts = :attempts, stuck = :stuck", ...names.map((name) => `${name} = :${name}`)];
  const removals = absent.length === 0 ? "" : ` REMOVE ${absent.join(", ")}`;
  const set = {
    expression: `SET ${assignments.join(", ")}${removals}`,
    values: {
      ":attempts": attempts,
      ":stuck": stuck,
      ...Object.fromEntries(Object.entries(present).map(([name, value]) => [`:${name}`, value])),
    },
  };
  return { update: batchKey(batch), set, if: OPEN };
}

/** Closes a batch that is open. */
export function batchClosing(ref: BatchRef, as: "done" | "cancelled"): Action {
  const set = { expression: "SET #state = :as", values: { ":as": as } };
  return { update: batchKey(ref), set, if: OPEN };
}

export function toBatch(ref: Pick<BatchRef, "runId" | "track" | "stage">, item: BatchItem): BatchRecord {
  return {
    runId: ref.runId,
    track: ref.track,
    stage: ref.stage,
    batch: item.batch,
    scope: fromDocument(item.scope) as JsonObject,
    size: item.size,
    state: item.state,
    ...(item.progress === undefined ? {} : { progress: fromDocument(item.progress) as Json }),
    attempts: item.attempts,
    ...(item.failure === undefined ? {} : { failure: fromDocument(item.failure) as Failure }),
    stuck: item.stuck,
  };
}

const OPEN = {
  expression: "#state = :open",
  names: { "#state": "state" },
  values: { ":open": "open" },
};

function batchName({ runId, stage, batch }: BatchRef) {
  return { runId, record: `batch ${batch} of stage "${stage}"` };
}
