import { nativeId } from "../../../../calico/native/native-ids.ts";
import { NATIVE_KINDS, type NativeKind } from "../../../../calico/native/native-kinds.ts";
import { nativeMeaning } from "../../../../calico/native/same-native.ts";
import { ledgerPages } from "../../../../engine/ledger.ts";
import type { JsonObject } from "../../../../json.ts";
import { isKubernetesError } from "../../../../kubernetes/errors.ts";
import { textAt } from "../../../../kubernetes/fields.ts";
import { isLeaving } from "../../../target/leaving.ts";
import { reads } from "../../../target/reads.ts";
import { exactHash, keyOf, refOf } from "../objects.ts";
import { type Context, rows } from "../options.ts";
import { expectedNatives } from "./expected.ts";

const PER_PAGE = 500;
const NATIVE = "projectcalico.org/v3";

/** Something that was done in the native group since the backup, and that an aggregated API server will not show. */
export interface Hidden {
  id: string;
  /** As projectcalico.org/v3 names it. */
  kind: string;
  how: "created" | "changed" | "deleted";
  /** What it means now, as a hash; empty where it is gone. */
  meaning: string;
}

/**
 * Every native object that is not what the backup's old group makes of it, and what that makes and is not there. A kind without a
 * definition has nothing to hide. What this run has written there itself is as the backup has it.
 */
export async function* hiddenNatives(context: Context): AsyncGenerator<Hidden, void> {
  for (const kind of NATIVE_KINDS) {
    const known = new Set<string>();
    try {
      for await (const page of nativePages(context, kind)) yield* differing(context, { kind, page, known });
    } catch (error) {
      if (!isKubernetesError(error, "KUBERNETES_NOT_FOUND")) throw error;
      continue;
    }
    yield* deleted(context, kind, known);
  }
}

function nativePages(context: Context, { plural }: NativeKind): AsyncIterable<JsonObject[]> {
  return reads(context).pages({ apiVersion: NATIVE, plural }, { signal: context.signal });
}

async function* differing(
  context: Context,
  { kind, page, known }: { kind: NativeKind; page: readonly JsonObject[]; known: Set<string> },
): AsyncGenerator<Hidden, void> {
  // What is being deleted is deleted: its object of the old group, which would act again, knows nothing of that.
  const byId = new Map(page.filter((one) => !isLeaving(one)).map((one) => [idOf(kind, one), one]));
  const expected = await expectedNatives(context).get(
    [...byId.keys()].map((key) => ({ rank: kind.rank, key })),
  );
  const meanings = new Map(expected.map(({ key, sourceHash }) => [key, sourceHash]));
  const own = await written(context, kind, [...byId.values()]);
  for (const [id, object] of byId) {
    const wanted = meanings.get(id);
    if (wanted !== undefined) known.add(id);
    const meaning = nativeMeaning(object);
    if (meaning === wanted || own.has(object)) continue;
    yield { id, kind: kind.kind, how: wanted === undefined ? "created" : "changed", meaning };
  }
}

/** Of these objects those that are as this run has written them: a backup may have native objects of before a migration. */
async function written(
  context: Context,
  { plural }: NativeKind,
  objects: readonly JsonObject[],
): Promise<ReadonlySet<JsonObject>> {
  const ref = { apiVersion: NATIVE, plural };
  const byKey = new Map(objects.map((object) => [keyOf(refOf({ ref, object })), object]));
  const put = await rows(context).findByTarget([...byKey.keys()]);
  const wrote = new Map(put.map(({ key, detail }) => [key, detail["wrote"]]));
  const own = [...byKey].filter(([key, object]) => wrote.get(key) === exactHash(ref, object));
  return new Set(own.map(([, object]) => object));
}

async function* deleted(
  context: Context,
  { kind, plural, rank }: NativeKind,
  known: ReadonlySet<string>,
): AsyncGenerator<Hidden, void> {
  const prefix = `${NATIVE}/${plural}/`;
  const query = { rank, after: { rank, key: prefix }, upTo: `${prefix}\uffff`, limit: PER_PAGE };
  for await (const page of ledgerPages(expectedNatives(context), query))
    for (const { key } of page) if (!known.has(key)) yield { id: key, kind, how: "deleted", meaning: "" };
}

function idOf({ kind }: NativeKind, object: JsonObject): string {
  const namespace = textAt(object, "metadata", "namespace");
  return nativeId(kind, namespace === "" ? undefined : namespace, textAt(object, "metadata", "name"));
}
