import { nativeId } from "../../calico/native/native-ids.ts";
import type { NativeKind } from "../../calico/native/native-kinds.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import { type Context, resources } from "./context.ts";

const PAGE = 500;
const COPIED = ["applied", "verified"] as const;

/** True for a checkpoint whose native object is written. */
export function isCopied({ state }: Pick<Checkpoint, "state">): boolean {
  return state === "applied" || state === "verified";
}

/** A page of the checkpoints of a kind that are copied, in the order of their keys, after the given one; "" from the start. */
export function copiedRows(
  context: Pick<Context, "ledger">,
  { rank, v1Plural }: Pick<NativeKind, "rank" | "v1Plural">,
  after: string,
): Promise<Checkpoint[]> {
  const prefix = `crd.projectcalico.org/v1/${v1Plural}/`;
  const query = { rank, after: { rank, key: after === "" ? prefix : after }, upTo: `${prefix}\uffff` };
  return resources(context).list({ ...query, states: COPIED, limit: PAGE });
}

/** How many objects of a kind are copied. */
export async function countCopied(
  context: Pick<Context, "ledger">,
  kind: Pick<NativeKind, "rank" | "v1Plural">,
): Promise<number> {
  let count = 0;
  for await (const rows of copiedPages(context, kind)) count += rows.length;
  return count;
}

/** The native ids of what is copied of a kind, but for these. */
export async function copiedBut(
  context: Pick<Context, "ledger">,
  kind: Pick<NativeKind, "rank" | "v1Plural">,
  known: ReadonlySet<string>,
): Promise<string[]> {
  const others: string[] = [];
  for await (const rows of copiedPages(context, kind))
    for (const { target } of rows) if (!known.has(target)) others.push(target);
  return others;
}

async function* copiedPages(
  context: Pick<Context, "ledger">,
  kind: Pick<NativeKind, "rank" | "v1Plural">,
): AsyncGenerator<Checkpoint[], void> {
  let rows = await copiedRows(context, kind, "");
  while (rows.length > 0) {
    yield rows;
    rows = await copiedRows(context, kind, rows.at(-1)?.key ?? "");
  }
}

/** The id of a native object as the API server gives it, which is the target of its checkpoint. */
export function nativeIdOf({ kind }: Pick<NativeKind, "kind">, object: JsonObject): string {
  const namespace = textAt(object, "metadata", "namespace");
  return nativeId(kind, namespace === "" ? undefined : namespace, textAt(object, "metadata", "name"));
}
