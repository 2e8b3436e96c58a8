import type { JsonObject } from "../../json.ts";
import { objectAt, textAt } from "../fields.ts";
import { cutOut, merged, removal, setting } from "./cut-out.ts";
import { gitOpsKind } from "./kinds.ts";
import { meansSame, type PauseField, valueOf } from "./pause-fields.ts";
import type { ManagerRef, SavedPause } from "./saved-pause.ts";

/** What pausing an object asks for. */
export type PauseStep =
  | { state: "already" }
  /** A merge patch, valid only while the object is as it was read. */
  | { state: "patch"; patch: JsonObject }
  /** The object is not what the record says any more: keep this record instead, then ask again. */
  | { state: "changed"; saved: SavedPause };

/** What resuming an object asks for. */
export interface ResumeStep {
  /** A merge patch, valid only while the object is as it was read; absent when there is nothing to put back. */
  patch?: JsonObject;
  /** The fields that somebody has changed since: they are left as they are. */
  changed: string[];
}

/** The record to keep of a manager before it is paused. Never ask it of one that has been paused: keep the first record. */
export function pauseOf(ref: ManagerRef, object: JsonObject): SavedPause {
  const { tool, apiVersion, plural, namespace, name } = ref;
  const found = merged(fieldsOf(ref).map(({ path }) => cutOut(object, path)));
  return { tool, apiVersion, plural, namespace, name, uid: uidOf(object), found };
}

/**
 * What is to do so that the object is paused, given what was found. An object that is as it was found is paused, one that
 * is paused already is left. Where it is neither, a person has given it other settings: those are what to put back.
 */
export function pauseStep(saved: SavedPause, object: JsonObject): PauseStep {
  if (uidOf(object) !== saved.uid) return { state: "changed", saved: pauseOf(saved, object) };
  const fields = fieldsOf(saved);
  const open = fields.filter((field) => !isPaused(field, saved, object));
  if (open.length === 0) return { state: "already" };
  if (!open.every((field) => isAsFound(field, saved, object))) {
    const sources = fields.map((field) => cutOut(open.includes(field) ? object : saved.found, field.path));
    return { state: "changed", saved: { ...saved, found: merged(sources) } };
  }
  const patches = open.map((field) => setting(field.path, pausedValue(field, saved)));
  return { state: "patch", patch: preconditioned(object, patches) };
}

/** What is to do so that the object is exactly as it was found; fields that are neither so nor paused are left alone. */
export function resumeOf(saved: SavedPause, object: JsonObject): ResumeStep {
  const away = fieldsOf(saved).filter((field) => !isAsFound(field, saved, object));
  const ours = away.filter((field) => isPaused(field, saved, object));
  const changed = away.filter((field) => !ours.includes(field)).map(({ path }) => path.join("."));
  const patches = ours.map((field) => restoring(field, saved, object));
  return patches.length === 0 ? { changed } : { patch: preconditioned(object, patches), changed };
}

/** True while every field that pauses the object holds what the pause has put there. */
export function stillPaused(saved: SavedPause, object: JsonObject): boolean {
  return fieldsOf(saved).every((field) => isPaused(field, saved, object));
}

function restoring(field: PauseField, { found }: SavedPause, object: JsonObject): JsonObject {
  const value = valueOf(found, field);
  return value === undefined ? removal(found, object, field.path) : setting(field.path, value);
}

function fieldsOf({ plural }: ManagerRef): readonly PauseField[] {
  return gitOpsKind(plural).fields;
}

function pausedValue(field: PauseField, { found }: SavedPause): ReturnType<PauseField["paused"]> {
  return field.paused(valueOf(found, field));
}

function isPaused(field: PauseField, saved: SavedPause, object: JsonObject): boolean {
  return meansSame(field, valueOf(object, field), pausedValue(field, saved));
}

function isAsFound(field: PauseField, saved: SavedPause, object: JsonObject): boolean {
  return meansSame(field, valueOf(object, field), valueOf(saved.found, field));
}

/** The server refuses a patch with a resourceVersion when the object has another one by then. */
function preconditioned(object: JsonObject, patches: readonly JsonObject[]): JsonObject {
  const { resourceVersion } = objectAt(object, "metadata");
  return merged([{ metadata: { resourceVersion } }, ...patches]);
}

function uidOf(object: JsonObject): string {
  return textAt(object, "metadata", "uid");
}
