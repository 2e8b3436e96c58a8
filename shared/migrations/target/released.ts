import type { StageContext } from "../../engine/migration.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";

const LEDGER = "released";
const RANK = 1;

type LedgerContext = Pick<StageContext<unknown, unknown>, "ledger">;

/** Names an object among all those of a cluster. */
export function objectId({ apiVersion, plural, namespace, name }: ObjectRef): string {
  const path = namespace === undefined ? name : `${namespace}/${name}`;
  return `${apiVersion}/${plural}/${path}`;
}

/** Keeps which objects are this run's although no checkpoint says so, before nothing on them tells it any more. */
export async function noteReleased(
  context: LedgerContext,
  objects: readonly { id: string; uid: string }[],
): Promise<void> {
  const row = { rank: RANK, state: "applied" as const, sourceRevision: 0, detail: {} };
  await context
    .ledger(LEDGER)
    .put(objects.map(({ id, uid }) => ({ ...row, key: id, target: id, targetUid: uid })));
}

/** The UIDs under which objects of these ids were noted as this run's. */
export async function releasedUids(
  context: LedgerContext,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await context.ledger(LEDGER).get(ids.map((key) => ({ rank: RANK, key })));
  return new Set(rows.flatMap(({ targetUid }) => (targetUid === undefined ? [] : [targetUid])));
}
