import { z } from "zod";
import { NATIVE_KINDS, type NativeKind } from "../../calico/native/native-kinds.ts";
import type { JsonObject } from "../../json.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { call, readTarget } from "../target/calls.ts";
import { isSameVersion } from "./compare-v1.ts";
import { noteChanged } from "./apply-changes.ts";
import { applyDeletions } from "./apply-deletions.ts";
import { type Context, resources, v1Resource } from "./context.ts";
import { copyObjects } from "./copy-objects.ts";
import { keyOf } from "./native-task.ts";
import { v1Ref } from "./v1-ref.ts";
import { NOTHING, orNoV1Kind } from "./v1-kind.ts";

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

/** What of a kind is not as it was copied, by the keys of the checkpoints. */
export interface Found {
  written: string[];
  gone: string[];
}

/**
 * Compares every v1 object of a kind with its checkpoint, by version and UID; writes nothing. Throws KUBERNETES_EXPIRED where
 * the list's snapshot goes away on the way, again and again.
 *
 * @returns what is not as it was copied, and the version of the collection.
 */
export async function scanKind(
  context: Context,
  kind: NativeKind,
  tries = 1,
): Promise<{ found: Found; resourceVersion: string }> {
  const all: Found = { written: [], gone: [] };
  let at: Relisting["at"];
  try {
    for (;;) {
      const { found, next, resourceVersion } = await scanPage(context, kind, at);
      all.written.push(...found.written);
      all.gone.push(...found.gone);
      if (next === undefined) return { found: all, resourceVersion };
      at = next;
    }
  } catch (error) {
    if (tries >= TRIES || !isKubernetesError(error, "KUBERNETES_EXPIRED")) throw error;
    return scanKind(context, kind, tries + 1);
  }
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

async function scanPage(
  context: Context,
  kind: NativeKind,
  at: Relisting["at"],
): Promise<{ found: Found; next: Relisting["at"]; resourceVersion: string }> {
  const { after, continueToken } = at ?? { after: prefixOf(kind), continueToken: undefined };
  const options = { limit: PAGE, metadataOnly: true, continueToken, signal: context.signal };
  const listed = call(context, () => context.connections.kubernetes.list(v1Resource(kind), options));
  const page = (await orNoV1Kind(context, kind, listed)) ?? NOTHING;
  const last = page.items.at(-1);
  const more = last === undefined ? undefined : page.continueToken;
  const upTo = more !== undefined && last !== undefined ? keyOf(kind, last) : `${prefixOf(kind)}\uffff`;
  const found = {
    written: await writtenOf(context, kind, page.items),
    gone: await goneOf(context, kind, { after, upTo, listed: page.items }),
  };
  const next = more === undefined ? undefined : { continueToken: more, after: upTo };
  return { found, next, resourceVersion: page.resourceVersion };
}

function prefixOf({ v1Plural }: NativeKind): string {
  return `crd.projectcalico.org/v1/${v1Plural}/`;
}

async function writtenOf(
  context: Context,
  kind: NativeKind,
  listed: readonly JsonObject[],
): Promise<string[]> {
  const ids = listed.map((object) => ({ rank: kind.rank, key: keyOf(kind, object) }));
  const rows = (await resources(context).get(ids)).filter(({ state }) => state !== "reverted");
  const known = new Map(rows.map((row) => [row.key, row]));
  return listed
    .filter((object) => !isSameVersion(known.get(keyOf(kind, object)), object))
    .map((object) => keyOf(kind, object));
}

async function goneOf(
  context: Context,
  kind: NativeKind,
  range: { after: string; upTo: string; listed: readonly JsonObject[] },
): Promise<string[]> {
  const present = new Set(range.listed.map((object) => keyOf(kind, object)));
  const gone: string[] = [];
  let { after } = range;
  for (;;) {
    const query = { rank: kind.rank, after: { rank: kind.rank, key: after }, upTo: range.upTo, limit: PAGE };
    const rows = await resources(context).list(query);
    const last = rows.at(-1);
    if (last === undefined) return gone;
    gone.push(
      ...rows.filter(({ key, state }) => state !== "reverted" && !present.has(key)).map(({ key }) => key),
    );
    after = last.key;
  }
}
