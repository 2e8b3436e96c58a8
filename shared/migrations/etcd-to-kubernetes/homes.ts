import { forward } from "../../calico/forward.ts";
import { ledgerPages } from "../../engine/ledger.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { objectAt, textAt } from "../../kubernetes/fields.ts";
import { lastingDetail } from "../copying/ledger-detail.ts";
import { readTarget } from "../target/calls.ts";
import { HOMELESS, recordChanges, type SourceChange } from "./changes.ts";
import { consentSubject } from "./consent.ts";
import { type Context, conversion, decisions, uncarried } from "./context.ts";
import type { Copy } from "./copy-task.ts";

const PAGE = 500;
/** The namespace, or the Node, that a resource needs in Kubernetes; undefined where it needs none. */
interface Home {
  plural: "namespaces" | "nodes";
  name: string;
}

/**
 * Leaves a resource behind whose namespace or node has gone since preflight: it needs consent before the lock, as if preflight
 * had found it. Undefined where its home is there.
 */
export async function leftBehind(
  context: Context,
  { checkpoint, source, carried }: Copy,
): Promise<Checkpoint | undefined> {
  const { name, namespace } = carried.target;
  const home = homeOf(carried.kind, name, namespace);
  if (home === undefined || (await isThere(context, home))) return undefined;
  const code = home.plural === "nodes" ? "NODE_MISSING" : "NAMESPACE_MISSING";
  const reason = `Kubernetes has no ${home.plural === "nodes" ? "node" : "namespace"} "${home.name}" any more`;
  const { pinnedRevision } = await decisions(context);
  const detail = { subject: consentSubject(code), code, reason, revision: pinnedRevision };
  const base = { rank: checkpoint.rank, key: checkpoint.key, sourceRevision: source.modRevision };
  const row: Checkpoint = {
    ...base,
    state: "pending",
    target: checkpoint.key,
    detail: { ...lastingDetail(checkpoint), ...detail },
  };
  await uncarried(context).put([row]);
  return { ...checkpoint, state: "reverted", detail: lastingDetail(checkpoint) };
}

/**
 * Looks again at what was left behind for want of a namespace or a node: what has a home by now is recorded as changed, with
 * its present value, and carried after all.
 */
export async function recordHomecomers(context: Context): Promise<void> {
  const { pinnedRevision } = await decisions(context);
  const there = new Map<string, Promise<boolean>>();
  for await (const page of ledgerPages(uncarried(context), { states: ["pending"], limit: PAGE })) {
    const homeless = page.filter(
      ({ detail }) => HOMELESS.has(textAt(detail, "code")) && detail["revision"] === pinnedRevision,
    );
    const values = await context.connections.etcd().getMany(homeless.map(({ key }) => key));
    const convert = await conversion(context);
    const home: Checkpoint[] = [];
    const changes: SourceChange[] = [];
    for (const row of homeless) {
      const found = values.get(row.key);
      const carried = found === undefined ? undefined : forward(row.key, found.value, convert);
      if (found === undefined || carried?.outcome !== "carry") continue;
      const needed = homeOf(carried.kind, carried.target.name, carried.target.namespace);
      if (needed === undefined || !(await known(context, there, needed))) continue;
      home.push({ ...row, state: "applied" });
      changes.push({ type: "put", key: row.key, value: found.value, modRevision: found.modRevision });
    }
    if (home.length === 0) continue;
    await uncarried(context).put(home);
    await recordChanges(context, changes, () => conversion(context));
  }
}

function known(context: Context, there: Map<string, Promise<boolean>>, home: Home): Promise<boolean> {
  const id = `${home.plural}/${home.name}`;
  const asked = there.get(id) ?? isThere(context, home);
  there.set(id, asked);
  return asked;
}

function homeOf(kind: string, name: string, namespace: string | undefined): Home | undefined {
  if (kind === "Node") return { plural: "nodes", name };
  return namespace === undefined ? undefined : { plural: "namespaces", name: namespace };
}

/** What is being deleted takes nothing new in, and all that is in it with it. */
async function isThere(context: Context, { plural, name }: Home): Promise<boolean> {
  const found = await readTarget(context, { apiVersion: "v1", plural, name });
  return found !== undefined && !("deletionTimestamp" in objectAt(found, "metadata"));
}
