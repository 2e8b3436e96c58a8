import type { RunControl, RunRecord } from "../../../engine/records.ts";
import { isEnd } from "../../../engine/records.ts";
import { type Document, fromDocument, toDocument } from "./document.ts";
import { controlKey, runKey } from "./keys.ts";
import { ensureFits, type Item } from "./record-size.ts";
import { WAKE_PARTITION } from "./table-definition.ts";

/** What else is written when one of these changes: who holds the cluster, and which of its runs have not ended. */
export interface Standing {
  holds: boolean;
  ended: boolean;
}

/** The item of a run: its record as a document, and what conditions and people look at. */
export interface RunItem extends Standing {
  version: number;
  record: Document;
}

/** A control record with the number of its last change. */
export interface Control {
  control: RunControl;
  revision: number;
}

export function standingOf(run: RunRecord): Standing {
  return { holds: run.holdsCluster, ended: isEnd(run.state) };
}

/** Throws RecordTooLargeError. */
export function toRunItem(run: RunRecord): Item {
  const wake = run.nextWakeAt === undefined ? {} : { wakePartition: WAKE_PARTITION, wakeAt: run.nextWakeAt };
  const item = {
    ...runKey(run.runId),
    ...standingOf(run),
    version: run.version,
    state: run.state,
    record: toDocument(run),
    ...wake,
  };
  ensureFits({ runId: run.runId, record: "record" }, item);
  return item;
}

export function toRun(item: RunItem): RunRecord {
  return fromDocument(item.record) as RunRecord;
}

/** Throws RecordTooLargeError. */
export function toControlItem(runId: string, { control, revision }: Control): Item {
  const item = { ...controlKey(runId), revision, control: toDocument(control) };
  ensureFits({ runId, record: "control record" }, item);
  return item;
}

export function toControl(item: { control: Document; revision: number }): Control {
  return { control: fromDocument(item.control) as RunControl, revision: item.revision };
}
