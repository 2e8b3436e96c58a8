import { etcdPrefixesOf } from "../../calico/keys.ts";
import { kindInfo, KINDS } from "../../calico/kinds.ts";
import { ledgerPages } from "../../engine/ledger.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { textAt } from "../../kubernetes/fields.ts";
import { lastingDetail } from "../copying/ledger-detail.ts";
import { readTarget } from "../target/calls.ts";
import type { SourceChange } from "./source-changes.ts";
import { type Context, decisions, resources, uncarried } from "./context.ts";
import { HOMELESS, type Homes, notedNamespaces, noteNamespaces } from "./homes.ts";
import { NODES_PREFIX } from "./node-names.ts";
import { refOf } from "./target-refs.ts";

const PAGE = 500;
const COPIED = ["applied", "verified"] as const;
const NAMESPACED = KINDS.filter(
  ({ carried, rank, namespaced }) => carried === true && rank > 0 && namespaced,
);

/**
 * What has to be looked at again because namespaces and Nodes come and go, page by page, as if it had changed in the source:
 * copies that have gone with their home, and what was left behind for want of one, or without a person's word. Once all of a
 * page is recorded, the next one may be asked for.
 */
export async function* changesOfHomes(context: Context, homes: Homes): AsyncGenerator<SourceChange[]> {
  yield* leftBehind(context);
  yield* lostWithNodes(context, homes);
  const { namespaces } = homes;
  const others = await otherNamespaces(context, namespaces);
  for (const name of others) yield* lostWithNamespace(context, name, namespaces.has(name));
  await noteNamespaces(context, others.map((name) => [name, namespaces.get(name)] as const).filter(isThere));
}

/**
 * Changes for all that was left behind and has to be looked at again: what nobody has agreed to leave behind yet, and
 * what may have its namespace or Node by now.
 */
async function* leftBehind(context: Context): AsyncGenerator<SourceChange[]> {
  for await (const page of ledgerPages(uncarried(context), { states: ["pending"], limit: PAGE }))
    yield changesNow(
      context,
      page.filter(({ detail }) => HOMELESS.has(textAt(detail, "code")) || isUnasked(detail)),
    );
}

function isUnasked(detail: Checkpoint["detail"]): boolean {
  return detail["late"] === true && detail["agreed"] !== true;
}

/** A Node that was deleted and created again has none of Calico's annotations. */
async function* lostWithNodes(context: Context, { nodes }: Homes): AsyncGenerator<SourceChange[]> {
  for await (const page of copiesUnder(context, "Node", NODES_PREFIX)) {
    const nameOf = ({ target }: Checkpoint): string => target.slice(target.lastIndexOf("/") + 1);
    yield* lost(
      context,
      page.filter((row) => nodes.get(nameOf(row)) !== row.targetUid),
    );
  }
}

/** The names of namespaces that are gone, came, or are others than when they were noted. */
async function otherNamespaces(context: Context, namespaces: Homes["namespaces"]): Promise<string[]> {
  const noted = await notedNamespaces(context);
  const names = new Set([...noted.keys(), ...namespaces.keys()]);
  return [...names].filter((name) => noted.get(name) !== namespaces.get(name));
}

function isThere(entry: readonly [string, string | undefined]): entry is readonly [string, string] {
  return entry[1] !== undefined;
}

async function* lostWithNamespace(
  context: Context,
  name: string,
  isBack: boolean,
): AsyncGenerator<SourceChange[]> {
  for (const { kind } of NAMESPACED) {
    const [prefix = ""] = etcdPrefixesOf(kind);
    for await (const page of copiesUnder(context, kind, `${prefix}${name}/`))
      yield* lost(context, isBack ? await notAsWritten(context, page) : page);
  }
}

/**
 * Those of these copies that are gone, or are other objects: a copy that was made into the present namespace is still
 * there.
 */
async function notAsWritten(context: Context, rows: readonly Checkpoint[]): Promise<Checkpoint[]> {
  const { targetGroup } = await decisions(context);
  const uids = await Promise.all(
    rows.map(async (row) => {
      const found = await readTarget(context, refOf(row, targetGroup));
      return found === undefined ? undefined : textAt(found, "metadata", "uid");
    }),
  );
  return rows.filter((row, index) => uids[index] !== row.targetUid);
}

function copiesUnder(context: Context, kind: string, prefix: string): AsyncGenerator<Checkpoint[]> {
  const { rank } = kindInfo(kind);
  const range = { rank, after: { rank, key: prefix }, upTo: `${prefix}\uffff` };
  return ledgerPages(resources(context), { ...range, states: COPIED, limit: PAGE });
}

/** What was known of a copy, and decided about it, was about what is no more: also what was there before it. */
async function* lost(context: Context, rows: readonly Checkpoint[]): AsyncGenerator<SourceChange[]> {
  if (rows.length === 0) return;
  yield await changesNow(context, rows);
  await resources(context).put(
    rows.map(({ targetUid: _gone, ...row }) => {
      const { before: _too, ...detail } = lastingDetail(row);
      return { ...row, state: "pending", detail };
    }),
  );
}

async function changesNow(context: Context, rows: readonly Checkpoint[]): Promise<SourceChange[]> {
  if (rows.length === 0) return [];
  const values = await context.connections.etcd().getMany(rows.map(({ key }) => key));
  return rows.map(({ key, sourceRevision }) => {
    const found = values.get(key);
    if (found === undefined) return { type: "delete", key, modRevision: sourceRevision };
    return { type: "put", key, value: found.value, modRevision: found.modRevision };
  });
}
