import type { TargetRef } from "../../calico/target.ts";
import { ledgerPages } from "../../engine/ledger.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ResourceRef } from "../../kubernetes/types.ts";
import { detailOf } from "../copying/ledger-detail.ts";
import { readTarget } from "../target/calls.ts";
import { isLeaving } from "../target/leaving.ts";
import { reads } from "../target/reads.ts";
import type { Context } from "./context.ts";

/** The namespace, or the Node, that a resource needs in Kubernetes. */
export interface Home {
  plural: "namespaces" | "nodes";
  name: string;
}

/** What Kubernetes has of both, by name, with their UIDs. */
export type Homes = Readonly<Record<Home["plural"], ReadonlyMap<string, string>>>;

/** Codes of resources that could be carried if their namespace or node were there. */
export const HOMELESS: ReadonlySet<string> = new Set(["NAMESPACE_MISSING", "NODE_MISSING"]);

/** How the API server refuses an object whose namespace, or Node, is not there. */
export const HOME_MISSING: ReadonlySet<string> = new Set([
  "KUBERNETES_NOT_FOUND",
  "KUBERNETES_NAMESPACE_TERMINATING",
]);

/** The namespaces that copies were written into. */
const LEDGER = "namespaces";
const RANK = 1;
const PAGE = 1000;

/** Where a resource belongs; undefined where it needs neither. */
export function homeOf(
  kind: string,
  { name, namespace }: Pick<TargetRef, "name" | "namespace">,
): Home | undefined {
  if (kind === "Node") return { plural: "nodes", name };
  return namespace === undefined ? undefined : { plural: "namespaces", name: namespace };
}

/** Why a resource has no place to go; undefined where its home is there, or it needs none. */
export function homelessness(
  home: Home | undefined,
  isThere: (home: Home) => boolean,
): { code: string; reason: string } | undefined {
  if (home === undefined || isThere(home)) return undefined;
  if (home.plural === "nodes")
    return { code: "NODE_MISSING", reason: `Kubernetes has no node "${home.name}", or is deleting it` };
  const reason = `Kubernetes has no namespace "${home.name}", or is deleting it`;
  return { code: "NAMESPACE_MISSING", reason };
}

/** Reads all of them. */
export async function readHomes(context: Context): Promise<Homes> {
  return { namespaces: await uidsOf(context, "namespaces"), nodes: await uidsOf(context, "nodes") };
}

async function uidsOf(context: Context, plural: Home["plural"]): Promise<ReadonlyMap<string, string>> {
  const uids = new Map<string, string>();
  const options = { metadataOnly: true, signal: context.signal };
  for await (const page of reads(context).pages(core(plural), options)) {
    for (const object of page)
      if (!isLeaving(object)) uids.set(textAt(object, "metadata", "name"), textAt(object, "metadata", "uid"));
  }
  return uids;
}

/** The UID of one of them; undefined where it is not there. */
export async function homeUid(context: Context, { plural, name }: Home): Promise<string | undefined> {
  const found = await readTarget(context, { ...core(plural), name });
  return found === undefined || isLeaving(found) ? undefined : textAt(found, "metadata", "uid");
}

function core(plural: Home["plural"]): ResourceRef {
  return { apiVersion: "v1", plural };
}

/**
 * Keeps which namespaces are there, before anything is copied into them, or once all was copied again that had gone with them:
 * copies go with their namespace, and do not come back with the next one of its name.
 */
export async function noteNamespaces(
  context: Pick<Context, "ledger">,
  namespaces: Iterable<readonly [name: string, uid: string]>,
): Promise<void> {
  const row = { rank: RANK, state: "applied" as const, sourceRevision: 0, detail: {} };
  await context
    .ledger(LEDGER)
    .put([...namespaces].map(([name, uid]) => ({ ...row, key: name, target: name, targetUid: uid })));
}

/** The namespaces that were noted, by name, with their UIDs. */
export async function notedNamespaces(
  context: Pick<Context, "ledger">,
): Promise<ReadonlyMap<string, string>> {
  const noted = new Map<string, string>();
  for await (const page of ledgerPages(context.ledger(LEDGER), { limit: PAGE }))
    for (const { key, targetUid = "" } of page) noted.set(key, targetUid);
  return noted;
}

/**
 * True where a copy is not there, or not as it was written, because its namespace or Node has gone since, or is another one now:
 * whoever looks at homes next deals with it.
 */
export async function hasLostHome(
  context: Context,
  row: Checkpoint,
  target: JsonObject | undefined,
): Promise<boolean> {
  const { kind, namespace } = detailOf(row);
  const living = target !== undefined && !isLeaving(target) ? target : undefined;
  if (kind === "Node") return living === undefined || textAt(living, "metadata", "uid") !== row.targetUid;
  if (living !== undefined || namespace === undefined) return false;
  const [noted] = await context.ledger(LEDGER).get([{ rank: RANK, key: namespace }]);
  return (await homeUid(context, { plural: "namespaces", name: namespace })) !== noted?.targetUid;
}
