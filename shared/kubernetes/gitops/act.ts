import type { JsonObject } from "../../json.ts";
import { isKubernetesError } from "../errors.ts";
import { textAt } from "../fields.ts";
import type { KubernetesApi, ObjectRef } from "../types.ts";
import { busyReason } from "./busy.ts";
import { gitOpsKind } from "./kinds.ts";
import { pauseStep, resumeOf, stillPaused } from "./pause.ts";
import type { ManagerRef, SavedPause } from "./saved-pause.ts";

/** What pausing and resuming need. */
export interface GitOpsParts {
  api: Pick<KubernetesApi, "get" | "patch">;
  /** Under which the patches are made. */
  fieldManager: string;
  /** Throws when the right to write has expired; called right before every write. */
  ensureHeld(): void;
  signal?: AbortSignal | undefined;
}

/** What became of a manager that was to be paused. */
export type PauseOutcome =
  | { state: "paused" | "already" | "gone" }
  /** Nothing was done: keep this record in place of the other, then pause again. */
  | { state: "changed"; saved: SavedPause };

/** What became of a manager that was to be put back. */
export interface ResumeOutcome {
  manager: ManagerRef;
  /**
   * `resumed`: put back; `unchanged`: it was as it was found; `changed`: somebody has changed it since it was paused, and
   * that was left; `gone`: deleted; `replaced`: deleted and created anew, and left as it is.
   */
  state: "resumed" | "unchanged" | "changed" | "gone" | "replaced";
  /** For people: what happened, and to which object. */
  message: string;
}

const TRIES = 6;

/** How long a write may be under way: shorter than a lease, so that none outlives the right to it by much. Milliseconds. */
const WRITE_TIMEOUT_MS = 10_000;

/**
 * Pauses a manager whose record is kept already. Repeating it is harmless, also after a crash: one that is paused is left
 * as it is, and one that somebody has resumed meanwhile is paused again. Throws KubernetesApiError.
 */
export async function pauseManager(parts: GitOpsParts, saved: SavedPause): Promise<PauseOutcome> {
  return untilSettled(async () => {
    const object = await read(parts, saved);
    if (object === undefined) return { state: "gone" };
    const step = pauseStep(saved, object);
    if (step.state !== "patch") return step;
    await patch(parts, saved, step.patch);
    return { state: "paused" };
  });
}

/**
 * Puts a manager back exactly as it was found. What somebody has changed since it was paused stays as they left it, and the
 * outcome says so. Repeating it is harmless. Throws KubernetesApiError.
 */
export async function resumeManager(parts: GitOpsParts, saved: SavedPause): Promise<ResumeOutcome> {
  const outcome = await untilSettled(() => tryToResume(parts, saved));
  const { namespace, name, uid, tool, apiVersion, plural } = saved;
  const message = `${describeManager(saved)} ${outcome.message}`;
  return { manager: { namespace, name, uid, tool, apiVersion, plural }, state: outcome.state, message };
}

/**
 * Why a paused manager may still change something: it was put back to work, or finishes what it had begun. Undefined when
 * it rests, or is gone. Throws KubernetesApiError.
 */
export async function unrest(
  parts: Pick<GitOpsParts, "api" | "signal">,
  saved: SavedPause,
): Promise<string | undefined> {
  const object = await read(parts, saved);
  if (object === undefined) return undefined;
  if (textAt(object, "metadata", "uid") !== saved.uid) return `${describeManager(saved)} was created anew`;
  if (!stillPaused(saved, object)) return `${describeManager(saved)} is not paused any more`;
  const busy = busyReason(saved.plural, object);
  return busy === undefined ? undefined : `${describeManager(saved)}: ${busy}`;
}

/** `Application argocd/calico`. */
export function describeManager({ plural, namespace, name }: ManagerRef): string {
  return `${gitOpsKind(plural).kind} ${namespace}/${name}`;
}

async function tryToResume(
  parts: GitOpsParts,
  saved: SavedPause,
): Promise<Pick<ResumeOutcome, "state" | "message">> {
  const object = await read(parts, saved);
  if (object === undefined) return { state: "gone", message: "was deleted meanwhile" };
  if (textAt(object, "metadata", "uid") !== saved.uid) {
    return { state: "replaced", message: "was deleted and created anew meanwhile, and is left as it is" };
  }
  const step = resumeOf(saved, object);
  if (step.patch !== undefined) await patch(parts, saved, step.patch);
  if (step.changed.length > 0) {
    return { state: "changed", message: `was changed meanwhile, and is left so: ${step.changed.join(", ")}` };
  }
  return step.patch === undefined
    ? { state: "unchanged", message: "is as it was found" }
    : { state: "resumed", message: "is put back as it was found" };
}

/** A conflict says that the object was written to since it was read, often by its own controller: look again. */
async function untilSettled<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await attempt();
    } catch (error) {
      if (tries >= TRIES || !isKubernetesError(error, "KUBERNETES_CONFLICT")) throw error;
    }
  }
}

async function read(
  { api, signal }: Pick<GitOpsParts, "api" | "signal">,
  manager: ManagerRef,
): Promise<JsonObject | undefined> {
  try {
    return await api.get(refOf(manager), { signal });
  } catch (error) {
    if (isKubernetesError(error, "KUBERNETES_NOT_FOUND")) return undefined;
    throw error;
  }
}

async function patch(parts: GitOpsParts, manager: ManagerRef, body: JsonObject): Promise<void> {
  parts.ensureHeld();
  const { fieldManager } = parts;
  await parts.api.patch(refOf(manager), body, { type: "merge", fieldManager, timeoutMs: WRITE_TIMEOUT_MS });
}

function refOf({ apiVersion, plural, namespace, name }: ManagerRef): ObjectRef {
  return { apiVersion, plural, namespace, name };
}
