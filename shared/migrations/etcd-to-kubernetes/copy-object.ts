import { meaningHash } from "../../calico/meaning.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import type { TargetObject } from "../../calico/target.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { textAt } from "../../kubernetes/fields.ts";
import { PROTECTED_TIERS } from "./built-in.ts";
import { type Context, fieldManager, resources } from "./context.ts";
import { type Clash, isAsDecided, settleConflict } from "./copy-conflict.ts";
import { appliedCheckpoint, type Copy } from "./copy-outcome.ts";
import { detailOf, withDetail } from "./ledger-detail.ts";
import { isOurs, isWrittenByOthers } from "./ownership.ts";
import { withServerDefaults } from "./schemas.ts";
import { call, readTarget, WRITE_TIMEOUT_MS } from "./target-calls.ts";

const FOREIGN = "the target holds an object with another spec";
const CHANGED = "somebody else has changed the target since it was copied";
/** How often an object that comes and goes, or that others write to at the same moment, is looked at again. */
const TRIES = 5;

/**
 * Creates the object. Where one is there already it is read: ours from before a crash or equal in meaning is applied,
 * a built-in tier is replaced (what it was is recorded first), anything else is a conflict, which a person decides.
 */
export async function createOrRecognise(context: Context, copy: Copy, tries = TRIES): Promise<Checkpoint> {
  const { kubernetes } = context.connections;
  const { target, object } = copy.carried;
  const options = {
    fieldManager: fieldManager(context),
    fieldValidation: "Strict",
    timeoutMs: WRITE_TIMEOUT_MS,
  } as const;
  try {
    const created = await call(context, () => kubernetes.create(target, object, options));
    return appliedCheckpoint(copy, uidOf(created), true);
  } catch (error) {
    const taken = isKubernetesError(error, "KUBERNETES_ALREADY_EXISTS");
    const disturbed = isKubernetesError(error, "KUBERNETES_CONFLICT");
    if (tries <= 1 || !(taken || disturbed)) throw error;
    return recognise(context, copy, tries - 1);
  }
}

async function recognise(context: Context, copy: Copy, tries: number): Promise<Checkpoint> {
  const found = await readTarget(context, copy.carried.target);
  if (found === undefined) return createOrRecognise(context, copy, tries);
  const ours = isOurs(context, found);
  const expected = await completed(context, copy);
  if (meaningHash(expected) === meaningHash(found)) return applied(copy, found, ours);
  if (mayReplace(copy, found)) return replace(context, copy, { found, created: false, tries });
  if (ours && !isWrittenByOthers(context, found))
    return replace(context, copy, { found, created: true, tries });
  if (!ours && isProtectedTier(copy)) return replaceRecorded(context, copy, found, tries);
  return decided(context, { copy, expected, found, reason: ours ? CHANGED : FOREIGN }, tries);
}

/**
 * Brings a copied object up to date, or creates it. An object that somebody else has changed since it was copied is a
 * conflict, unless it means the new value already; a person decides.
 */
export async function replaceCopied(context: Context, copy: Copy, tries = TRIES): Promise<Checkpoint> {
  const found = await readTarget(context, copy.carried.target);
  if (found === undefined) return createOrRecognise(context, copy, tries);
  const expected = await completed(context, copy);
  if (meaningHash(expected) === meaningHash(found)) return applied(copy, found, isOurs(context, found));
  if (isOurs(context, found) && !isWrittenByOthers(context, found))
    return replace(context, copy, { found, created: true, tries });
  if (mayReplace(copy, found)) return replace(context, copy, { found, created: false, tries });
  if (isProtectedTier(copy)) return replaceRecorded(context, copy, found, tries);
  return decided(context, { copy, expected, found, reason: CHANGED }, tries);
}

function decided(context: Context, clash: Clash, tries: number): Promise<Checkpoint> {
  const { found } = clash;
  return settleConflict(context, clash, (intended, created) =>
    replace(context, intended, { found, created, tries }),
  );
}

/** What this run has replaced before: a built-in tier whatever it is now, anything else only as it was written. */
function mayReplace(copy: Copy, found: JsonObject): boolean {
  const { before, resolved } = detailOf(copy.checkpoint);
  return resolved === "source" ? isAsDecided(copy, found) : before !== undefined;
}

async function replaceRecorded(
  context: Context,
  copy: Copy,
  found: JsonObject,
  tries: number,
): Promise<Checkpoint> {
  const intended = withDetail(copy.checkpoint, { before: found });
  await resources(context).put([intended]);
  return replace(context, { ...copy, checkpoint: intended }, { found, created: false, tries });
}

async function replace(
  context: Context,
  copy: Copy,
  { found, created, tries }: { found: JsonObject; created: boolean; tries: number },
): Promise<Checkpoint> {
  const { kubernetes } = context.connections;
  const resourceVersion = textAt(found, "metadata", "resourceVersion");
  const metadata = { ...copy.carried.object.metadata, resourceVersion };
  const options = {
    fieldManager: fieldManager(context),
    fieldValidation: "Strict",
    timeoutMs: WRITE_TIMEOUT_MS,
  } as const;
  try {
    const replaced = await call(context, () =>
      kubernetes.replace(copy.carried.target, { ...copy.carried.object, metadata }, options),
    );
    return applied(copy, replaced, created);
  } catch (error) {
    if (tries > 1 && isKubernetesError(error, "KUBERNETES_CONFLICT"))
      return replaceCopied(context, copy, tries - 1);
    throw error;
  }
}

/** What the source means, the server's defaults applied. */
function completed(context: Context, { targetGroup, carried }: Copy): Promise<TargetObject> {
  return withServerDefaults(context, targetGroup, carried.kind, carried.object);
}

/** The checkpoint of an object that means what the source means. */
function applied(copy: Copy, object: JsonObject, created: boolean): Checkpoint {
  const checkpoint = appliedCheckpoint(copy, uidOf(object), created);
  return detailOf(checkpoint).resolved === "source"
    ? withDetail(checkpoint, { held: meaningHash(object) })
    : checkpoint;
}

function isProtectedTier(copy: Copy): boolean {
  return copy.carried.kind === "Tier" && PROTECTED_TIERS.has(copy.carried.target.name);
}

function uidOf(object: JsonObject): string {
  return textAt(object, "metadata", "uid");
}
