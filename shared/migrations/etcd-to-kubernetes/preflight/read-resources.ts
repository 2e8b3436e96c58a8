import { CALICO_PREFIX } from "../../../calico/keys.ts";
import { calicoOf, type Carried, type ForwardContext } from "../../../calico/forwarded.ts";
import { crdName, type TargetGroup } from "../../../calico/kinds.ts";
import type { SelectorReading } from "../../../calico/selector.ts";
import { selectorFaults } from "../../../calico/selectors.ts";
import { targetId } from "../../../calico/target.ts";
import type { Ledger } from "../../../engine/ledger.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import { prefixEnd } from "../../../etcd/keys.ts";
import type { EtcdKeyValue } from "../../../etcd/types.ts";
import { isJsonObject, type JsonObject } from "../../../json.ts";
import { objectAt, textAt } from "../../../kubernetes/fields.ts";
import { addResources, retireAll } from "../add-resources.ts";
import { blockers, type Context, resources, respelled, uncarried, untried } from "../context.ts";
import { fit } from "../../target/fit.ts";
import { allOf, schemaFaults } from "../../target/schema-faults.ts";
import { rankOf } from "../source-changes.ts";
import { consentSubject } from "../consent.ts";
import { homelessness, homeOf, type Homes } from "../homes.ts";
import { CLUSTER_INFORMATION_KEY } from "../source-lock.ts";
import { over } from "./listed.ts";
import { addNames, count, type Inventory } from "./inventory.ts";
import { forwardLearning } from "./missing-fields.ts";

const PAGE = 500;

/** What reading needs to know of the target. */
export interface Surroundings extends Homes {
  conversion: ForwardContext;
  /** The schemas of the target's CRDs, by CRD name. */
  schemas: ReadonlyMap<string, JsonObject>;
  /** The names of those of the CRDs that the cluster has; the others come with the manifest. */
  servedCrds: ReadonlySet<string>;
}

/** Checkpoints for the ledgers of one page. */
interface Sorted {
  carried: Checkpoint[];
  uncarried: Checkpoint[];
  blocked: Checkpoint[];
  respelled: Checkpoint[];
}

/**
 * Reads one page of the source at the pinned revision, records what each resource becomes or why it cannot, and adds it
 * to the inventory. Reading a page again changes nothing in the ledgers.
 *
 * @returns where the next page starts; undefined after the last one.
 */
export async function readResources(
  context: Context,
  surroundings: Surroundings,
  inventory: Inventory,
  query: { from: string | undefined; revision: number },
): Promise<string | undefined> {
  const to = prefixEnd(CALICO_PREFIX);
  const from = query.from ?? CALICO_PREFIX;
  const page = await context.connections.etcd().range({ from, to, revision: query.revision, limit: PAGE });
  const sorted: Sorted = { carried: [], uncarried: [], blocked: [], respelled: [] };
  for (const kv of page.kvs)
    if (kv.key !== CLUSTER_INFORMATION_KEY) sort(kv, surroundings, inventory, sorted);
  await retireOthers(context, sorted.carried, page.kvs);
  const { refused } = await addResources(context, sorted.carried, query.revision);
  for (const { key, target, existingKey } of refused) {
    const reason = `it would become ${target}, which ${existingKey} becomes as well`;
    const row = sorted.carried.find((one) => one.key === key);
    if (row !== undefined) sorted.blocked.push(blocked(row, "NAME_COLLISION", reason));
  }
  inventory.respelled += sorted.respelled.length;
  for (const row of [...sorted.uncarried, ...sorted.blocked, ...sorted.respelled])
    row.detail["revision"] = query.revision;
  for (const row of sorted.blocked) count(inventory.blockers, textAt(row.detail, "code"));
  for (const row of sorted.uncarried) count(inventory.consents, textAt(row.detail, "subject"));
  await putAfresh(uncarried(context), sorted.uncarried, page.kvs);
  await putAfresh(blockers(context), sorted.blocked, page.kvs);
  await putAfresh(respelled(context), sorted.respelled, page.kvs);
  await putAfresh(untried(context), [], page.kvs);
  const last = page.kvs.at(-1);
  return page.more && last !== undefined ? `${last.key}\0` : undefined;
}

/** A resource may have lost its namespace since an earlier reading, or become what cannot be carried. */
async function retireOthers(
  context: Context,
  carried: readonly Checkpoint[],
  kvs: readonly EtcdKeyValue[],
): Promise<void> {
  const now = new Set(carried.map(({ key }) => key));
  const known = await resources(context).get(kvs.map(({ key }) => ({ rank: rankOf(key) ?? 0, key })));
  await retireAll(
    context,
    known.filter(({ key }) => !now.has(key)),
  );
}

/** What an earlier reading said of these keys is over, also one at the same revision: the target may have changed since. */
async function putAfresh(
  ledger: Ledger,
  rows: readonly Checkpoint[],
  kvs: readonly EtcdKeyValue[],
): Promise<void> {
  const now = new Set(rows.map(({ key }) => key));
  const known = await ledger.get(kvs.map(({ key }) => ({ rank: rankOf(key) ?? 0, key })));
  await ledger.put([...rows, ...known.filter(({ key }) => !now.has(key)).map(over)]);
}

function sort(kv: EtcdKeyValue, surroundings: Surroundings, inventory: Inventory, into: Sorted): void {
  const base = { rank: rankOf(kv.key) ?? 0, key: kv.key, target: kv.key, sourceRevision: kv.modRevision };
  const forwarded = forwardLearning(kv, surroundings, inventory);
  switch (forwarded.outcome) {
    case "carry":
      sortCarried(kv, forwarded, surroundings, inventory, into);
      return;
    case "derived":
      inventory.derived++;
      return;
    case "housekeeping":
      inventory.housekeeping++;
      return;
    case "uncarriable":
      into.uncarried.push(lost(base, consentSubject(forwarded.code), forwarded.code, forwarded.reason));
      return;
    case "invalid":
      into.blocked.push(blocked({ ...base, state: "failed", detail: {} }, forwarded.code, forwarded.reason));
  }
}

function sortCarried(
  kv: EtcdKeyValue,
  carried: Carried,
  surroundings: Surroundings,
  inventory: Inventory,
  into: Sorted,
): void {
  const { target, kind, rank } = carried;
  const namespaced = target.namespace === undefined ? {} : { namespace: target.namespace };
  const row: Checkpoint = {
    rank,
    key: kv.key,
    state: "pending",
    target: targetId(target),
    sourceRevision: kv.modRevision,
    sourceHash: carried.sourceHash,
    detail: { kind, ...namespaced, bytes: kv.value.length },
  };
  noteReferences(carried, inventory);
  const why = homelessness(homeOf(kind, target), ({ plural, name }) => surroundings[plural].has(name));
  if (why !== undefined) {
    into.uncarried.push(lost({ ...row, target: kv.key }, consentSubject(why.code), why.code, why.reason));
    return;
  }
  const schema = schemaOf(carried, surroundings);
  const fitted = schema === undefined ? undefined : fit(schema, carried.object);
  const problems = schema === undefined ? [] : schemaFaults(schema, fitted?.object ?? carried.object);
  const unreadable = selectorFaults(objectAt(carried.object, "spec"), selectorsOf(surroundings));
  if (problems.length > 0 || unreadable.length > 0) {
    const code = problems.length > 0 ? "SCHEMA_REFUSES" : "SELECTOR_INVALID";
    into.blocked.push(blocked({ ...row, target: kv.key }, code, allOf([...problems, ...unreadable])));
    return;
  }
  const { respelled: respelt = [] } = fitted ?? {};
  if (respelt.length > 0)
    into.respelled.push({ ...row, target: kv.key, detail: { ...row.detail, reason: allOf(respelt) } });
  const { losses = [] } = carried;
  if (losses.length > 0)
    into.uncarried.push(lost({ ...row, target: kv.key }, "uncarried", "PARTLY_LOST", allOf(losses)));
  count(inventory.byKind, kind);
  into.carried.push(row);
}

function schemaOf({ kind }: Carried, { schemas, conversion }: Surroundings): JsonObject | undefined {
  const name = kind === "Node" ? undefined : crdName(kind, conversion.targetGroup);
  return name === undefined ? undefined : schemas.get(name);
}

/** Felix reads them, whatever the API server takes: a policy whose selector it cannot read is in force nowhere. */
function selectorsOf({ conversion }: Surroundings): SelectorReading {
  return calicoOf(conversion).rules.selectors;
}

function noteReferences({ kind, object, target }: Carried, inventory: Inventory): void {
  const spec = objectAt(object, "spec");
  if (kind === "Tier") addNames(inventory.tiers, [target.name]);
  if (kind === "BGPFilter") addNames(inventory.filters, [target.name]);
  if (kind === "BGPPeer" && Array.isArray(spec["filters"])) addNames(inventory.filtersUsed, spec["filters"]);
  const tier = textAt(spec, "tier");
  if (kind.endsWith("Policy") && isJsonObject(spec) && tier !== "") addNames(inventory.tiersUsed, [tier]);
}

function lost(
  row: Omit<Checkpoint, "state" | "detail"> & { detail?: JsonObject },
  subject: string,
  code: string,
  reason: string,
): Checkpoint {
  return { ...row, state: "pending", detail: { ...row.detail, subject, code, reason } };
}

function blocked(row: Checkpoint, code: string, reason: string): Checkpoint {
  return { ...row, target: row.key, state: "failed", detail: { ...row.detail, code, reason } };
}

/** The version in the name of a target group, `v1` or `v3`: the one by whose schema its CRDs judge objects. */
export function schemaVersion(group: TargetGroup): string {
  return group.slice(group.indexOf("/") + 1);
}
