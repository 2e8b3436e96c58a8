import type { NativeKind } from "../../calico/native/native-kinds.ts";
import type { JsonObject } from "../../json.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { call, readTarget } from "../target/calls.ts";
import { applyDeletions, noteChanged } from "./apply-changes.ts";
import { type Context, resources, v1Resource } from "./context.ts";
import { copyObjects } from "./copy-objects.ts";
import { keyOf, revisionOf } from "./native-task.ts";
import { v1Ref } from "./retry-rows.ts";

const PAGE = 500;
const TRIES = 3;

/**
 * Brings the native objects of one kind up to date where the server has forgotten what changed: lists the versions of all
 * v1 objects, which come in the order of their keys, and compares them with the checkpoints. Begins again when the list's
 * snapshot goes away on the way, and throws KUBERNETES_EXPIRED when that happens again and again.
 *
 * @returns how many had changed, and the version of the collection that was listed.
 */
export async function relist(
  context: Context,
  kind: NativeKind,
): Promise<{ changed: number; resourceVersion: string }> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await relistOnce(context, kind);
    } catch (error) {
      if (attempt >= TRIES || !isKubernetesError(error, "KUBERNETES_EXPIRED")) throw error;
    }
  }
}

async function relistOnce(
  context: Context,
  kind: NativeKind,
): Promise<{ changed: number; resourceVersion: string }> {
  let [changed, after] = [0, prefixOf(kind)];
  let continueToken: string | undefined;
  for (;;) {
    const options = { limit: PAGE, metadataOnly: true, continueToken, signal: context.signal };
    const page = await call(context, () => context.connections.kubernetes.list(v1Resource(kind), options));
    const last = page.items.at(-1);
    const more = page.continueToken !== undefined && last !== undefined;
    const upTo = more ? keyOf(kind, last) : `${prefixOf(kind)}\uffff`;
    changed += await copyChanged(context, kind, page.items);
    changed += await removeGone(context, kind, { after, upTo, listed: page.items });
    if (!more) return { changed, resourceVersion: page.resourceVersion };
    [after, continueToken] = [upTo, page.continueToken];
  }
}

function prefixOf({ v1Plural }: NativeKind): string {
  return `crd.projectcalico.org/v1/${v1Plural}/`;
}

async function copyChanged(
  context: Context,
  kind: NativeKind,
  listed: readonly JsonObject[],
): Promise<number> {
  const ids = listed.map((object) => ({ rank: kind.rank, key: keyOf(kind, object) }));
  const rows = (await resources(context).get(ids)).filter(({ state }) => state !== "reverted");
  const copied = new Map(rows.map((row) => [row.key, row.sourceRevision]));
  const changed = listed
    .map((object) => ({ key: keyOf(kind, object), revision: revisionOf(object) }))
    .filter(({ key, revision }) => copied.get(key) !== revision);
  await noteChanged(
    context,
    kind,
    changed.map(({ key }) => key),
  );
  const objects = await Promise.all(changed.map(({ key }) => readTarget(context, v1Ref(key).ref)));
  await copyObjects(
    context,
    { mode: "replace" },
    kind,
    objects.filter((object) => object !== undefined),
  );
  return changed.length;
}

async function removeGone(
  context: Context,
  kind: NativeKind,
  range: { after: string; upTo: string; listed: readonly JsonObject[] },
): Promise<number> {
  const present = new Set(range.listed.map((object) => keyOf(kind, object)));
  let [removed, after] = [0, range.after];
  for (;;) {
    const query = { rank: kind.rank, after: { rank: kind.rank, key: after }, upTo: range.upTo, limit: PAGE };
    const rows = await resources(context).list(query);
    const last = rows.at(-1);
    if (last === undefined) return removed;
    const gone = rows.filter(({ key, state }) => state !== "reverted" && !present.has(key));
    const keys = gone.map(({ key }) => key);
    await noteChanged(context, kind, keys);
    await applyDeletions(context, kind, keys);
    removed += gone.length;
    after = last.key;
  }
}
