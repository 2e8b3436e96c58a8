import { MigratorError } from "../../errors.ts";
import type { JsonObject } from "../../json.ts";
import { isKubernetesError } from "../errors.ts";
import {
  describeManager,
  type GitOpsParts,
  pauseManager,
  type PauseOutcome,
  resumeManager,
  type ResumeOutcome,
} from "./act.ts";
import { pauseOf } from "./pause.ts";
import type { ManagerRef, SavedPause } from "./saved-pause.ts";

/** Where records are kept durably, one for each `managerKey`: a ledger of the run. */
export interface PauseBook {
  find(manager: ManagerRef): Promise<SavedPause | undefined>;
  /** Returns when the record would survive a crash; replaces the one before. */
  keep(saved: SavedPause): Promise<void>;
}

/** A manager, and what became of it. */
export interface Paused {
  manager: ManagerRef;
  state: Exclude<PauseOutcome["state"], "changed">;
}

/** How often a manager may be given other settings while it is being paused. */
const TRIES = 3;

/**
 * Pauses managers in the order given. What is found of all of them is kept before the first is paused, since pausing one
 * can change another (Fleet writes a GitRepo's `paused` into its Bundles); a record that is kept already stays, so that
 * a second pause does not take the first for what was found. Harmless to repeat after a crash at any point. Throws
 * KubernetesApiError, GITOPS_UNSETTLED.
 */
export async function pauseManagers(
  parts: GitOpsParts,
  book: PauseBook,
  managers: readonly ManagerRef[],
): Promise<Paused[]> {
  for (const manager of managers) await keepFound(parts, book, manager);
  const paused: Paused[] = [];
  for (const manager of managers) paused.push({ manager, state: await pauseOne(parts, book, manager) });
  return paused;
}

/**
 * Puts managers back, the last one first: children before their parents. Another order ends the same, as a parent that
 * works again puts its children back itself. Harmless to repeat. Throws KubernetesApiError.
 */
export async function resumeManagers(
  parts: GitOpsParts,
  saved: readonly SavedPause[],
): Promise<ResumeOutcome[]> {
  const outcomes: ResumeOutcome[] = [];
  for (const one of saved.toReversed()) outcomes.push(await resumeManager(parts, one));
  return outcomes;
}

async function keepFound(parts: GitOpsParts, book: PauseBook, manager: ManagerRef): Promise<void> {
  if ((await book.find(manager)) !== undefined) return;
  const { apiVersion, plural, namespace, name } = manager;
  let object: JsonObject;
  try {
    object = await parts.api.get({ apiVersion, plural, namespace, name }, { signal: parts.signal });
  } catch (error) {
    if (isKubernetesError(error, "KUBERNETES_NOT_FOUND")) return;
    throw error;
  }
  await book.keep(pauseOf(manager, object));
}

async function pauseOne(parts: GitOpsParts, book: PauseBook, manager: ManagerRef): Promise<Paused["state"]> {
  for (let tries = 1; tries <= TRIES; tries++) {
    const saved = await book.find(manager);
    if (saved === undefined) return "gone";
    const outcome = await pauseManager(parts, saved);
    if (outcome.state !== "changed") return outcome.state;
    await book.keep(outcome.saved);
  }
  throw new MigratorError(
    "GITOPS_UNSETTLED",
    `${describeManager(manager)} is given other settings again and again while it is being paused`,
    { next: "Find out who changes it and stop that, then resume the run.", retryable: true },
  );
}
