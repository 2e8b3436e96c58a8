import { z } from "zod";
import { NATIVE_KINDS, type NativeKind } from "../../calico/native/native-kinds.ts";
import type { JsonObject } from "../../json.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { call, readTarget } from "../target/calls.ts";
import { applyDeletions, noteChanged } from "./apply-changes.ts";
import { type Context, resources, v1Resource } from "./context.ts";
import { copyObjects } from "./copy-objects.ts";
import { keyOf, revisionOf } from "./native-task.ts";
import { v1Ref } from "./retry-rows.ts";
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
  const { after, continueToken } = at ?? { after: prefixOf(kind), continueToken: undefined };
  const options = { limit: PAGE, metadataOnly: true, continueToken, signal: context.signal };
  const listed = call(context, () => context.connections.kubernetes.list(v1Resource(kind), options));
  const page = (await orNoV1Kind(context, kind, listed)) ?? NOTHING;
  const last = page.items.at(-1);
  const more = last === undefined ? undefined : page.continueToken;
  const upTo = more !== undefined && last !== undefined ? keyOf(kind, last) : `${prefixOf(kind)}\uffff`;
  await copyChanged(context, kind, page.items);
  await removeGone(context, kind, { after, upTo, listed: page.items });
  const next = more === undefined ? undefined : { continueToken: more, after: upTo };
  return { next, resourceVersion: page.resourceVersion };
}

function prefixOf({ v1Plural }: NativeKind): string {
  return `crd.projectcalico.org/v1/${v1Plural}/`;
}

async function copyChanged(context: Context, kind: NativeKind, listed: readonly JsonObject[]): Promise<void> {
  const ids = listed.map((object) => ({ rank: kind.rank, key: keyOf(kind, object) }));
  const rows = (await resources(context).get(ids)).filter(({ state }) => state !== "reverted");
  const copied = new Map(rows.map((row) => [row.key, row.sourceRevision]));
  const changed = listed
    .filter((object) => copied.get(keyOf(kind, object)) !== revisionOf(object))
    .map((object) => keyOf(kind, object));
  await noteChanged(context, kind, changed);
  const objects = await Promise.all(changed.map((key) => readTarget(context, v1Ref(key).ref)));
  await copyObjects(
    context,
    { mode: "replace" },
    kind,
    objects.filter((object) => object !== undefined),
  );
}

async function removeGone(
  context: Context,
  kind: NativeKind,
  range: { after: string; upTo: string; listed: readonly JsonObject[] },
): Promise<void> {
  const present = new Set(range.listed.map((object) => keyOf(kind, object)));
  let { after } = range;
  for (;;) {
    const query = { rank: kind.rank, after: { rank: kind.rank, key: after }, upTo: range.upTo, limit: PAGE };
    const rows = await resources(context).list(query);
    const last = rows.at(-1);
    if (last === undefined) return;
    const gone = rows.filter(({ key, state }) => state !== "reverted" && !present.has(key));
    const keys = gone.map(({ key }) => key);
    await noteChanged(context, kind, keys);
    await applyDeletions(context, kind, keys);
    after = last.key;
  }
}
