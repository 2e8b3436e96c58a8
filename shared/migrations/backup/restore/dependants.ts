import { z } from "zod";
import { kindInfo } from "../../../calico/kinds.ts";
import { convertUid } from "../../../calico/uid.ts";
import { type Ledger, ledgerPages } from "../../../engine/ledger.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import type { JsonObject } from "../../../json.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import type { Send } from "../../../kubernetes/types.ts";
import { OwnedRecord, type OwnerOf, type OwnerReference } from "../../apiserver-to-crds/owners/references.ts";
import { fieldManager } from "../../context.ts";
import { call, readTarget, WRITE_TIMEOUT_MS } from "../../target/calls.ts";
import type { Context } from "./options.ts";

const OLD = "crd.projectcalico.org/v1";
const NATIVE = "projectcalico.org/v3";
const PER_PAGE = 100;
const Row = z.object({ record: OwnedRecord });

/** Objects that are not Calico's, with their references to Calico's: these name UIDs that another server does not show. */
export function dependants(context: Pick<Context, "ledger">): Ledger {
  return context.ledger("dependants");
}

/** The row of one of them. */
export function dependantRow(record: OwnedRecord): Checkpoint {
  const key = [record.apiVersion, record.plural, record.namespace ?? "", record.name].join("/");
  const detail = { kind: record.plural, record: record as unknown as JsonObject };
  return { rank: 1, key, state: "pending", target: key, sourceRevision: 0, detail };
}

/** What a row has recorded. */
export function recordOf({ detail }: Checkpoint): OwnedRecord {
  return Row.parse(detail).record;
}

/** Does something with each of them, one after the other. */
export async function eachDependant(
  context: Pick<Context, "ledger">,
  act: (record: OwnedRecord) => Promise<void>,
): Promise<void> {
  for await (const page of ledgerPages(dependants(context), { limit: PER_PAGE }))
    for (const row of page) await act(recordOf(row));
}

/** Requests to the cluster with everything around them that they need. */
export function sendFor(context: Context): Send {
  return (request) => call(context, () => request(context.connections.kubernetes));
}

/** How this run writes. */
export function writeOptions(context: Context): { fieldManager: string; timeoutMs: number } {
  return { fieldManager: fieldManager(context), timeoutMs: WRITE_TIMEOUT_MS };
}

/** Says under which UID the aggregated API server shows the owner that a reference names. */
export async function shownOwners(context: Context, records: readonly OwnedRecord[]): Promise<OwnerOf> {
  const shown = new Map<string, string>();
  for (const { namespace, references } of records)
    for (const { reference } of references) {
      const uid = await oldUid(context, reference, namespace);
      if (uid !== undefined) shown.set(reference.uid, convertUid(uid) ?? uid);
    }
  return ({ kind, name, uid }) => {
    const now = shown.get(uid);
    return now === undefined ? undefined : { apiVersion: NATIVE, kind, name, uid: now };
  };
}

/** Until 3.32 the old group had policies of the tier `default` under a prefix. */
async function oldUid(
  context: Context,
  { kind, name }: OwnerReference,
  namespace: string | undefined,
): Promise<string | undefined> {
  const { plural, namespaced, tiered } = kindInfo(kind);
  const place = namespaced && namespace !== undefined ? { namespace } : {};
  for (const candidate of tiered ? [name, `default.${name}`] : [name]) {
    const found = await readTarget(context, { apiVersion: OLD, plural, name: candidate, ...place });
    if (found !== undefined) return textAt(found, "metadata", "uid");
  }
  return undefined;
}
