import { sourceHash } from "../../../calico/stored-value.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import type { JsonObject } from "../../../json.ts";
import { withDetail } from "../../copying/ledger-detail.ts";
import { addResources } from "../add-resources.ts";
import { type Context, resources } from "../context.ts";
import { lossRow, recordLosses } from "../not-carried-back.ts";
import { isMadeAgain } from "../source-changes.ts";
import { type Judged, judgeObjects, PASS, type Writing } from "./judge-objects.ts";
import { WRITTEN_SINCE } from "./written-since.ts";

/** One that is to be written, with its checkpoint. */
type Wanted = Judged & { row: Checkpoint; write: Writing };

/**
 * Writes a page of one kind to etcd, and records what is not carried. What is about to be written is recorded before, so that
 * what a worker has written that died is not taken for somebody else's. @returns how many were written.
 */
export async function carryObjects(
  context: Context,
  kind: string,
  objects: readonly JsonObject[],
): Promise<number> {
  const judged = await judgeObjects(context, kind, objects);
  const { intended, refused } = await intend(context, judged.filter(isWanted));
  const written: Judged[] = [];
  let carried = 0;
  for (const wanted of intended) {
    const one = await writeObject(context, wanted);
    if (one.row?.sourceRevision !== wanted.row.sourceRevision) carried++;
    written.push(one);
  }
  const settled = [...judged.filter((one) => !isWanted(one)), ...written];
  await recordLosses(
    context,
    [...settled, ...refused].flatMap((one) => lossesOf(kind, one)),
  );
  await resources(context).put(settled.flatMap(settledRow));
  return carried;
}

/** Records of a page what the way back will not carry; writes nothing. */
export async function recordLossesOf(
  context: Context,
  kind: string,
  objects: readonly JsonObject[],
): Promise<void> {
  const judged = await judgeObjects(context, kind, objects);
  await recordLosses(
    context,
    judged.flatMap((one) => lossesOf(kind, one)),
  );
}

function lossesOf(kind: string, { target, object, lost, key }: Judged): Checkpoint[] {
  return lost === undefined ? [] : [lossRow(kind, target, object, { reason: lost, source: key })];
}

function isWanted(judged: Judged): judged is Wanted {
  return judged.write !== undefined && judged.row !== undefined;
}

/** Records what is about to be written. Refused is what would become a second resource of etcd for the same object. */
async function intend(
  context: Context,
  wanted: readonly Wanted[],
): Promise<{ intended: Wanted[]; refused: Judged[] }> {
  const rows = wanted.map(({ row, write }) => withDetail(row, { writing: sourceHash(write.value) }));
  const { added } = await addResources(context, rows);
  const byKey = new Map(added.map((row) => [row.key, row]));
  const intended: Wanted[] = [];
  const refused: Judged[] = [];
  for (const one of wanted) {
    const row = byKey.get(one.row.key);
    if (row === undefined) refused.push(keptInEtcd(one));
    else intended.push({ ...one, row });
  }
  return { intended, refused };
}

/** What somebody writes in between is kept, as if it had been there when it was judged. */
async function writeObject(context: Context, wanted: Wanted): Promise<Judged> {
  const { target, object, row, write } = wanted;
  if (write.existing?.value.toString("utf8") === write.value)
    return { target, object, row: { ...row, sourceRevision: write.existing.modRevision } };
  context.ensureHeld();
  const written = await context.connections.etcd().compareAndPut({
    key: row.key,
    expectedModRevision: isMadeAgain(row.key) ? "any" : (write.existing?.modRevision ?? "absent"),
    value: write.value,
  });
  if (written.applied) return { target, object, row: { ...row, sourceRevision: written.revision } };
  // An answer that was lost: it is there as it was to be.
  if (written.current?.value.toString("utf8") === write.value)
    return { target, object, row: { ...row, sourceRevision: written.current.modRevision } };
  return keptInEtcd(wanted);
}

/** The row stays as it was, so that whoever compares finds what is not carried. */
function keptInEtcd({ target, object, row }: Wanted): Judged {
  return { target, object, row, lost: WRITTEN_SINCE, key: row.key };
}

function settledRow({ row, lost }: Judged): Checkpoint[] {
  if (row === undefined) return [];
  const { writing: _done, ...detail } = row.detail;
  const seen = withDetail({ ...row, detail }, { pass: PASS });
  return [lost === undefined ? { ...seen, state: "applied" } : seen];
}
