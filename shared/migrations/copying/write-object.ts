import type { Checkpoint } from "../../engine/records.ts";
import { isJsonObject, type JsonObject } from "../../json.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { textAt } from "../../kubernetes/fields.ts";
import { PROTECTED_TIERS } from "../../calico/built-in.ts";
import { fieldManager } from "../context.ts";
import { detailOf, withDetail } from "./ledger-detail.ts";
import { isLeaving } from "../target/leaving.ts";
import { isOurs, isWrittenByOthers } from "../target/ownership.ts";
import { call, deleteCopy, readTarget, WRITE_TIMEOUT_MS } from "../target/calls.ts";
import { type Clash, isAsDecided, settleConflict, undecided } from "./conflict.ts";
import { appliedCheckpoint, type CopyContext, type CopyTask } from "./task.ts";

const FOREIGN = "the target holds another object of this name";
const CHANGED = "somebody else has changed the target since it was copied";
/** How often an object that comes and goes, or that others write to at the same moment, is looked at again. */
const TRIES = 5;

/**
 * Creates the object. Where one is there already it is read: ours from before a crash or equal in meaning is applied,
 * a built-in tier is replaced (what it was is recorded first), anything else is a conflict, which a person decides.
 */
export async function createOrRecognise(
  context: CopyContext,
  copy: CopyTask,
  tries = TRIES,
): Promise<Checkpoint> {
  const { kubernetes } = context.connections;
  const { target, object } = copy;
  const options = {
    fieldManager: fieldManager(context),
    fieldValidation: "Strict",
    timeoutMs: WRITE_TIMEOUT_MS,
  } as const;
  try {
    const created = await call(context, () => kubernetes.create(target, object, options));
    return await applied(copy, created, true);
  } catch (error) {
    const taken = isKubernetesError(error, "KUBERNETES_ALREADY_EXISTS");
    const disturbed = isKubernetesError(error, "KUBERNETES_CONFLICT");
    if (tries <= 1 || !(taken || disturbed)) throw error;
    return recognise(context, copy, tries - 1);
  }
}

async function recognise(context: CopyContext, copy: CopyTask, tries: number): Promise<Checkpoint> {
  const found = await readTarget(context, copy.target);
  if (found === undefined) return createOrRecognise(context, copy, tries);
  const expected = await copy.expected();
  switch (standing(context, copy, { expected, found })) {
    case "leaving-ours":
      return createAfter(context, copy, found, tries);
    case "same":
      return applied(copy, found, isOurs(context, found));
    case "replaced":
      return replace(context, copy, { found, created: false, tries });
    case "ours":
      return replace(context, copy, { found, created: true, tries });
    case "built-in":
      return replaceRecorded(context, copy, found, tries);
    case "leaving":
    case "foreign":
      return decided(context, clashOf(context, copy, { expected, found }), tries);
  }
}

/**
 * The conflict that the creation of an object would be, for a person to decide on before anything is written; undefined where it
 * would be none, or is decided. Only reads.
 */
export async function foreseeConflict(context: CopyContext, copy: CopyTask): Promise<Checkpoint | undefined> {
  const found = await readTarget(context, copy.target);
  if (found === undefined) return undefined;
  const sides = { expected: await copy.expected(), found };
  if (!IN_THE_WAY.has(standing(context, copy, sides))) return undefined;
  return undecided(context, clashOf(context, copy, sides));
}

interface Sides {
  expected: JsonObject;
  found: JsonObject;
}

type Standing = "leaving-ours" | "leaving" | "same" | "replaced" | "ours" | "built-in" | "foreign";

const IN_THE_WAY: ReadonlySet<Standing> = new Set<Standing>(["leaving", "foreign"]);

/** How an object that is there already stands to the one that is to be created. */
function standing(context: CopyContext, copy: CopyTask, { expected, found }: Sides): Standing {
  const ours = isOurs(context, found);
  // Whatever it means, it will be gone; written to without its finalizers, it is gone at once.
  if (isLeaving(found)) return isOursAlone(context, found) ? "leaving-ours" : "leaving";
  if (copy.meaning(expected) === copy.meaning(found)) return "same";
  if (mayReplace(copy, found)) return "replaced";
  if (ours && !isWrittenByOthers(context, found)) return "ours";
  return !ours && isProtectedTier(copy) ? "built-in" : "foreign";
}

function clashOf(context: CopyContext, copy: CopyTask, sides: Sides): Clash {
  return { copy, ...sides, reason: isOurs(context, sides.found) ? CHANGED : FOREIGN };
}

/**
 * Brings a copied object up to date, or creates it. An object that somebody else has changed since it was copied is a
 * conflict, unless it means the new value already; a person decides.
 */
export async function replaceCopied(
  context: CopyContext,
  copy: CopyTask,
  tries = TRIES,
): Promise<Checkpoint> {
  const found = await readTarget(context, copy.target);
  if (found === undefined) return createOrRecognise(context, copy, tries);
  const expected = await copy.expected();
  if (isLeaving(found) && isOursAlone(context, found)) return createAfter(context, copy, found, tries);
  if (isLeaving(found)) return decided(context, clashOf(context, copy, { expected, found }), tries);
  if (copy.meaning(expected) === copy.meaning(found)) return applied(copy, found, isOurs(context, found));
  if (isOurs(context, found) && !isWrittenByOthers(context, found))
    return replace(context, copy, { found, created: true, tries });
  if (mayReplace(copy, found)) return replace(context, copy, { found, created: false, tries });
  if (isProtectedTier(copy)) return replaceRecorded(context, copy, found, tries);
  return decided(context, { copy, expected, found, reason: CHANGED }, tries);
}

/** Ends the deletion of this run's own copy, whose finalizers nobody here attends to, and creates it anew. */
async function createAfter(
  context: CopyContext,
  copy: CopyTask,
  found: JsonObject,
  tries: number,
): Promise<Checkpoint> {
  await deleteCopy(context, copy.target, uidOf(found));
  return createOrRecognise(context, copy, tries);
}

function isOursAlone(context: CopyContext, object: JsonObject): boolean {
  return isOurs(context, object) && !isWrittenByOthers(context, object);
}

function decided(context: CopyContext, clash: Clash, tries: number): Promise<Checkpoint> {
  const { found } = clash;
  return settleConflict(context, clash, (intended, created) =>
    replace(context, intended, { found, created, tries }),
  );
}

/** What this run has replaced before, unless what was there first is there again; by a decision, only as it was written. */
function mayReplace(copy: CopyTask, found: JsonObject): boolean {
  const { before, resolved } = detailOf(copy.checkpoint);
  if (resolved === "source") return isAsDecided(copy, found);
  return isJsonObject(before) && copy.meaning(before) !== copy.meaning(found);
}

async function replaceRecorded(
  context: CopyContext,
  copy: CopyTask,
  found: JsonObject,
  tries: number,
): Promise<Checkpoint> {
  const intended = withDetail(copy.checkpoint, { before: found });
  await context.ledger("resources").put([intended]);
  return replace(context, { ...copy, checkpoint: intended }, { found, created: false, tries });
}

async function replace(
  context: CopyContext,
  copy: CopyTask,
  { found, created, tries }: { found: JsonObject; created: boolean; tries: number },
): Promise<Checkpoint> {
  const { kubernetes } = context.connections;
  const resourceVersion = textAt(found, "metadata", "resourceVersion");
  const metadata = { ...copy.object.metadata, resourceVersion };
  const options = {
    fieldManager: fieldManager(context),
    fieldValidation: "Strict",
    timeoutMs: WRITE_TIMEOUT_MS,
  } as const;
  try {
    const replaced = await call(context, () =>
      kubernetes.replace(copy.target, { ...copy.object, metadata }, options),
    );
    return await applied(copy, replaced, created);
  } catch (error) {
    if (tries > 1 && isKubernetesError(error, "KUBERNETES_CONFLICT"))
      return replaceCopied(context, copy, tries - 1);
    throw error;
  }
}

/** The checkpoint of an object that means what the source means. */
async function applied(copy: CopyTask, object: JsonObject, created: boolean): Promise<Checkpoint> {
  await copy.complete?.(object);
  const checkpoint = appliedCheckpoint(copy, uidOf(object), created);
  return detailOf(checkpoint).resolved === "source"
    ? withDetail(checkpoint, { held: copy.meaning(object) })
    : checkpoint;
}

function isProtectedTier(copy: CopyTask): boolean {
  return copy.kind === "Tier" && PROTECTED_TIERS.has(copy.target.name);
}

function uidOf(object: JsonObject): string {
  return textAt(object, "metadata", "uid");
}
