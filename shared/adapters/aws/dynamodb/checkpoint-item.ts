import type { Checkpoint, CheckpointState } from "../../../engine/records.ts";
import type { JsonObject } from "../../../json.ts";
import { type Document, fromDocument, toDocument } from "./document.ts";
import { checkpointIdOf, checkpointKey, type Key } from "./keys.ts";
import { ensureFits, type Item } from "./record-size.ts";
import { decodeText, encodeText } from "./text-order.ts";

/** The item of a checkpoint; its rank and key are in its sort key. */
export interface CheckpointItem extends Key {
  state: CheckpointState;
  target: string;
  rest: Document;
}

/** What no condition looks at. */
interface Rest {
  sourceRevision: number;
  sourceHash?: string;
  targetUid?: string;
  detail: JsonObject;
}

/** Throws RecordTooLargeError. */
export function toCheckpointItem(runId: string, ledger: string, checkpoint: Checkpoint): Item {
  const { rank, key, state, target, ...rest } = checkpoint;
  const item = {
    ...checkpointKey(runId, ledger, { rank, key }),
    state,
    target: encodeText(target),
    rest: toDocument(rest satisfies Rest),
  };
  ensureFits({ runId, record: `checkpoint "${key}" of ledger "${ledger}"` }, item);
  return item;
}

export function toCheckpoint(item: CheckpointItem): Checkpoint {
  const { state, target } = item;
  return {
    ...checkpointIdOf(item.sk),
    state,
    target: decodeText(target),
    ...(fromDocument(item.rest) as Rest),
  };
}
