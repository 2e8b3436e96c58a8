import type { NativeKind } from "../../calico/native/native-kinds.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { copyEach } from "../copying/copy-each.ts";
import { createOrRecognise, replaceCopied } from "../copying/write-object.ts";
import { detailOf, isLeftOut, withDetail } from "../copying/ledger-detail.ts";
import { isLeaving } from "../target/leaving.ts";
import { type Context, nativeVersion, resources } from "./context.ts";
import { leaveDeleted } from "./leave-deleted.ts";
import { leaveOut, leftOutKeys } from "./left-out.ts";
import { noteOwned } from "./owned.ts";
import { type Converted, convert, keyOf, revisionOf, taskOf } from "./native-task.ts";

/** A v1 object as it was read, with its converted form. */
interface Read extends Converted {
  v1: JsonObject;
}

/** How v1 objects are copied. */
export interface CopyWay {
  /** Whether a copy is created first, as most are not there yet, or read first, as it is to be brought up to date. */
  mode: "create" | "replace";
  /** True to compare also what was copied as it is now: something may have happened to the native objects. */
  looksAgain?: boolean;
}

/**
 * Copies v1 objects of one kind to their native ones: checkpoints first, then each object, then the outcomes. What was
 * copied as it is already is left alone, and so is what the run leaves out; what is being deleted is taken away.
 *
 * @returns how many ended in which state.
 */
export async function copyObjects(
  context: Context,
  { mode, looksAgain = false }: CopyWay,
  kind: NativeKind,
  objects: readonly JsonObject[],
): Promise<Record<string, number>> {
  const out = leftOutKeys(context);
  const leftOut = await leaveOut(
    context,
    kind,
    objects.filter((v1) => out.has(keyOf(kind, v1))),
  );
  const others = objects.filter((v1) => !out.has(keyOf(kind, v1)));
  await leaveDeleted(context, kind, others.filter(isLeaving));
  const wanted = others.filter((v1) => !isLeaving(v1));
  const known = await knownOf(context, kind, wanted);
  const isDone = looksAgain ? isDecided : isCopied;
  const due = wanted.filter((v1) => !isDone(known.get(keyOf(kind, v1)), v1));
  const read = due.map((v1): Read => ({ v1, ...convert(kind, v1, known.get(keyOf(kind, v1))) }));
  await noteOwned(
    context,
    read.map(({ checkpoint }) => checkpoint),
  );
  const planned = await plan(context, read, known);
  const version = await nativeVersion(context);
  const write = mode === "create" ? createOrRecognise : replaceCopied;
  const carried = planned.filter((one): one is Required<Read> => one.carried !== undefined);
  const copied = carried.filter(({ checkpoint }) => !isLeftOut(checkpoint));
  const skipped = carried.filter(({ checkpoint }) => isLeftOut(checkpoint));
  const writes = copied.map((one) => ({
    checkpoint: one.checkpoint,
    write: async () => write(context, await taskOf(context, version, one)),
  }));
  const done = skipped.map(({ checkpoint, v1 }) => ({ ...checkpoint, sourceRevision: revisionOf(v1) }));
  return copyEach(context, writes, [...done, ...leftOut]);
}

async function knownOf(
  context: Context,
  kind: NativeKind,
  objects: readonly JsonObject[],
): Promise<Map<string, Checkpoint>> {
  const ids = objects.map((v1) => ({ rank: kind.rank, key: keyOf(kind, v1) }));
  return new Map((await resources(context).get(ids)).map((row) => [row.key, row]));
}

function isCopied(row: Checkpoint | undefined, v1: JsonObject): boolean {
  const settled = row?.state === "applied" || row?.state === "verified";
  return settled && row.sourceRevision === revisionOf(v1);
}

/** A person has accepted what the native object is. */
function isDecided(row: Checkpoint | undefined, v1: JsonObject): boolean {
  return isCopied(row, v1) && row !== undefined && detailOf(row).resolved === "target";
}

/** Writes the checkpoints of what is new before anything is created; of two objects that become one, the second fails. */
async function plan(
  context: Context,
  read: readonly Read[],
  known: ReadonlyMap<string, Checkpoint>,
): Promise<Read[]> {
  const broken = read.filter(({ carried }) => carried === undefined);
  await resources(context).put(broken.map(({ checkpoint }) => checkpoint));
  const fresh = read.filter(
    ({ carried, checkpoint }) =>
      carried !== undefined && known.get(checkpoint.key)?.target !== checkpoint.target,
  );
  const collisions = await resources(context).put(fresh.map(({ checkpoint }) => checkpoint));
  if (collisions.length === 0) return [...read];
  const others = new Map(collisions.map(({ key, existingKey }) => [key, existingKey]));
  const colliding = fresh.filter(({ checkpoint }) => others.has(checkpoint.key));
  await resources(context).put(
    colliding.map(({ checkpoint }) => collided(checkpoint, others.get(checkpoint.key))),
  );
  return read.filter((one) => !colliding.includes(one));
}

/** The target is the row's own key: the native object belongs to the other v1 object. */
function collided(checkpoint: Checkpoint, other = ""): Checkpoint {
  const reason = `it becomes the same native object as ${other}: rename or delete one of them`;
  return withDetail(
    { ...checkpoint, state: "failed", target: checkpoint.key },
    { code: "NAMES_COLLIDE", reason },
  );
}
