import type { PlanStep } from "../../../engine/ports.ts";
import type { StageRecord, StageRef } from "../../../engine/records.ts";
import type { Json, JsonObject } from "../../../json.ts";
import type { Action, Condition } from "./actions.ts";
import { type Document, fromDocument, toDocument } from "./document.ts";
import { stageKey } from "./keys.ts";
import { ensureFits, type Item } from "./record-size.ts";

/** The item of a stage. */
export interface StageItem {
  /** How many stages of the run were there before. */
  place: number;
  state: StageRecord["state"];
  planned: boolean;
  cursor?: Document;
  notes: Document;
  startedAt: number;
  finishedAt?: number;
  batches: number;
  openBatches: number;
  total: number;
  counts: Document;
  /** Grows with every change. */
  revision: number;
  /** Marks batches that are being written but do not count yet, see {@link Batches}. */
  opening?: string;
}

/** A stage that has just been saved for the first time. Throws RecordTooLargeError. */
export function newStageItem(stage: StageRecord, place: number): Item {
  const counters = { batches: 0, openBatches: 0, total: 0, counts: toDocument({}) };
  const item = {
    ...stageKey(stage),
    place,
    revision: 0,
    ...counters,
    ...settable(stage),
  };
  ensureFits(stageName(stage), item);
  return item;
}

/** Replaces what the engine sets, and leaves the counters alone. Throws RecordTooLargeError. */
export function stageUpdate(stage: StageRecord): Action {
  const values = settable(stage);
  ensureFits(stageName(stage), values);
  const absent = (["cursor", "finishedAt"] as const).filter((name) => !(name in values));
  return updateOf(stage, values, absent, { expression: "attribute_exists(pk)" });
}

/** Counts batches as opened, and records where planning goes on. */
export function openedUpdate(
  ref: StageRef,
  item: StageItem,
  step: PlanStep,
): { after: StageItem; action: Action } {
  const { cursor: _cursor, opening: _opening, ...rest } = item;
  const after: StageItem = {
    ...rest,
    ...(step.cursor === undefined ? {} : { cursor: toDocument(step.cursor) }),
    planned: step.planned,
    batches: item.batches + step.batches.length,
    openBatches: item.openBatches + step.batches.length,
    total: step.batches.reduce((sum, { size }) => sum + size, item.total),
  };
  const { cursor, planned, batches, openBatches, total } = after;
  const values = { planned, batches, openBatches, total, ...(cursor === undefined ? {} : { cursor }) };
  ensureFits(stageName(ref), values);
  const absent = cursor === undefined ? ["opening", "cursor"] : ["opening"];
  return { after, action: updateOf(ref, values, absent, unchanged(item)) };
}

/** Counts one batch as closed, and adds what it reported. */
export function closedUpdate(
  ref: StageRef,
  item: StageItem,
  reported: Readonly<Record<string, number>>,
): { after: StageItem; action: Action } {
  const sums = new Map(Object.entries(fromDocument(item.counts) as Record<string, number>));
  for (const [name, count] of Object.entries(reported)) sums.set(name, (sums.get(name) ?? 0) + count);
  const counts = toDocument(Object.fromEntries(sums));
  const openBatches = item.openBatches - 1;
  const after = { ...item, openBatches, counts };
  return { after, action: updateOf(ref, { openBatches, counts }, [], unchanged(item)) };
}

/** Announces that batches are about to be written. */
export function openingUpdate(ref: StageRef, item: StageItem, opening: string): Action {
  return updateOf(ref, { opening }, [], unchanged(item));
}

export function toStage({ runId, track, stage }: StageRef, item: StageItem): StageRecord {
  return {
    runId,
    track,
    stage,
    state: item.state,
    ...(item.cursor === undefined ? {} : { cursor: fromDocument(item.cursor) as Json }),
    planned: item.planned,
    batches: item.batches,
    openBatches: item.openBatches,
    total: item.total,
    counts: fromDocument(item.counts) as Record<string, number>,
    notes: fromDocument(item.notes) as JsonObject,
    startedAt: item.startedAt,
    ...(item.finishedAt === undefined ? {} : { finishedAt: item.finishedAt }),
  };
}

function settable(stage: StageRecord): Item {
  const { cursor, finishedAt } = stage;
  return {
    state: stage.state,
    planned: stage.planned,
    notes: toDocument(stage.notes),
    startedAt: stage.startedAt,
    ...(cursor === undefined ? {} : { cursor: toDocument(cursor) }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
  };
}

function unchanged(item: StageItem): Condition {
  return { expression: "revision = :read", values: { ":read": item.revision } };
}

/** Sets and removes attributes, and raises the revision. */
function updateOf(ref: StageRef, values: Item, absent: readonly string[], condition: Condition): Action {
  const names = [...Object.keys(values), ...absent];
  const assignments = Object.keys(values).map((name) => `#${name} = :${name}`);
  const removals = absent.length === 0 ? "" : ` REMOVE ${absent.map((name) => `#${name}`).join(", ")}`;
  const set = {
    expression: `SET ${assignments.join(", ")}${removals} ADD revision :one`,
    names: Object.fromEntries(names.map((name) => [`#${name}`, name])),
    values: {
      ":one": 1,
      ...Object.fromEntries(Object.entries(values).map(([name, value]) => [`:${name}`, value])),
    },
  };
  return { update: stageKey(ref), set, if: condition };
}

function stageName({ runId, stage }: StageRef) {
  return { runId, record: `record of stage "${stage}"` };
}
