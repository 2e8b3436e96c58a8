import { z } from "zod";
import { NATIVE_KINDS, type NativeKind } from "../../calico/native/native-kinds.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { readTarget } from "../target/calls.ts";
import { noteChanged } from "./apply-changes.ts";
import { applyDeletions } from "./apply-deletions.ts";
import type { Context } from "./context.ts";
import { copyObjects } from "./copy-objects.ts";
import { type Found, scanPage } from "./scan-kind.ts";
import { v1Ref } from "./v1-ref.ts";

const PAGE = 500;
const TRIES = 3;

/** How far the listing of kinds has come, of which the server has forgotten what changed. */
export const Relisting = z.object({
  /** The kinds that are left, by the plurals of the old group; the first of them is being listed. */
  left: z.array(z.string()),
  /** Where its list goes on, and the last key before that. */
  at: z.object({ continueToken: z.string(), after: z.string() }).optional(),
  /** How often its list has begun. */
  tries: z.int(),
  /** Of each kind that was listed, the version of its collection. */
  since: z.record(z.string(), z.string()),
});
/** See {@link Relisting}. */
export type Relisting = z.infer<typeof Relisting>;

/** The listing of these kinds, before it has begun. */
export function relistingOf(kinds: readonly Pick<NativeKind, "v1Plural">[]): Relisting {
  return { left: kinds.map(({ v1Plural }) => v1Plural), tries: 1, since: {} };
}

/**
 * Brings the native objects of one page up to date: lists the versions of v1 objects, which come in the order of their keys,
 * and compares them with the checkpoints. Begins the kind again when the list's snapshot goes away on the way, and throws
 * KUBERNETES_EXPIRED when that happens again and again. Repeatable.
 *
 * @returns where to go on; nothing is left after the last kind.
 */
export async function relistPage(context: Context, relisting: Relisting): Promise<Relisting> {
  const { left, at, tries, since } = relisting;
  const kind = NATIVE_KINDS.find(({ v1Plural }) => v1Plural === left[0]);
  if (kind === undefined) return { left: [], tries, since };
  try {
    const { next, resourceVersion } = await bringUpToDate(context, kind, at);
    if (next !== undefined) return { left, at: next, tries, since };
    return { ...relistingOf([]), left: left.slice(1), since: { ...since, [kind.v1Plural]: resourceVersion } };
  } catch (error) {
    if (tries >= TRIES || !isKubernetesError(error, "KUBERNETES_EXPIRED")) throw error;
    return { left, tries: tries + 1, since };
  }
}

async function bringUpToDate(
  context: Context,
  kind: NativeKind,
  at: Relisting["at"],
): Promise<{ next: Relisting["at"]; resourceVersion: string }> {
  const { found, next, resourceVersion } = await scanPage(context, kind, at);
  await applyFound(context, kind, found);
  return { next, resourceVersion };
}

/** Brings the native objects up to date with what was found; what is as it was by now is left alone. */
export async function applyFound(
  context: Context,
  kind: NativeKind,
  { written, gone }: Found,
): Promise<void> {
  await noteChanged(context, kind, [...written, ...gone]);
  for (let first = 0; first < written.length; first += PAGE) {
    const keys = written.slice(first, first + PAGE);
    const objects = await Promise.all(keys.map((key) => readTarget(context, v1Ref(key).ref)));
    const there = objects.filter((object) => object !== undefined);
    await copyObjects(context, { mode: "replace" }, kind, there);
  }
  await applyDeletions(context, kind, gone);
}
