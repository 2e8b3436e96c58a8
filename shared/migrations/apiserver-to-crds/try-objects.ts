import type { NativeKind } from "../../calico/native/native-kinds.ts";
import type { Checkpoint, CheckpointId } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { goneCheckpoint } from "../copying/ledger-detail.ts";
import { type Trial, tryCreate } from "../copying/try-object.ts";
import { foreseeConflict } from "../copying/write-object.ts";
import { blockers, type Context, nativeVersion, resources, untried } from "./context.ts";
import { leftOutKeys } from "./left-out.ts";
import { type Converted, convert, keyOf, taskOf } from "./native-task.ts";
import { readTarget } from "../target/calls.ts";
import { isLeaving } from "../target/leaving.ts";
import { v1Ref } from "./v1-ref.ts";

/** Why objects block that the API server would refuse: the code of their rows among the blockers. */
const SERVER_REFUSES = "SERVER_REFUSES";

/**
 * Lets the API server judge the native object of each of these v1 objects by a dry run, and records those that it would refuse
 * among the blockers, each with all that it says, and those in whose place something else is as conflicts. Changes nothing on the
 * cluster.
 *
 * @returns how many were tried.
 */
export async function tryObjects(
  context: Context,
  kind: NativeKind,
  objects: readonly JsonObject[],
): Promise<Record<string, number>> {
  const out = leftOutKeys(context);
  const version = await nativeVersion(context);
  const found: Record<"refused" | "untried", Checkpoint[]> = { refused: [], untried: [] };
  const there: JsonObject[] = [];
  let tried = 0;
  await Promise.all(
    objects.map(async (v1) => {
      const { checkpoint, carried } = convert(kind, v1);
      // What is broken is told by preflight, or by the copy where it has come since.
      if (carried === undefined || isLeaving(v1) || out.has(keyOf(kind, v1))) return;
      tried++;
      const task = await taskOf(context, version, { checkpoint, carried, v1 });
      const { target, object, meaning } = task;
      const expected = await task.expected();
      const trial = await tryCreate(context, { target, object, expected, meaning, held: v1 });
      if (trial.outcome !== "accepted") found[trial.outcome].push(faultOf(checkpoint, trial));
      else if (trial.isThere) there.push(v1);
    }),
  );
  await blockers(context).put(found.refused);
  await untried(context).put(found.untried);
  await recordConflicts(context, kind, there);
  return { tried };
}

async function recordConflicts(
  context: Context,
  kind: NativeKind,
  there: readonly JsonObject[],
): Promise<void> {
  const version = await nativeVersion(context);
  const ids = there.map((v1) => ({ rank: kind.rank, key: keyOf(kind, v1) }));
  const known = new Map((await resources(context).get(ids)).map((row) => [row.key, row]));
  const conflicts = there.map(async (v1) =>
    foresee(context, version, { ...convert(kind, v1, known.get(keyOf(kind, v1))), v1 }),
  );
  await resources(context).put((await Promise.all(conflicts)).filter((row) => row !== undefined));
}

/** Records these conflicts, which have moved, as they are now: as others, or as none. Changes nothing on the cluster. */
export async function foreseeAgain(context: Context, ids: readonly CheckpointId[]): Promise<void> {
  const version = await nativeVersion(context);
  const rows = (await resources(context).get(ids)).map(async (row) => {
    const { kind, ref } = v1Ref(row.key);
    const v1 = await readTarget(context, ref);
    if (v1 === undefined || isLeaving(v1)) return goneCheckpoint(row);
    const converted = convert(kind, v1, row);
    return (
      (await foresee(context, version, { ...converted, v1 })) ?? {
        ...converted.checkpoint,
        state: "pending" as const,
      }
    );
  });
  await resources(context).put(await Promise.all(rows));
}

async function foresee(
  context: Context,
  version: string,
  { checkpoint, carried, v1 }: Converted & { v1: JsonObject },
): Promise<Checkpoint | undefined> {
  if (carried === undefined) return undefined;
  return foreseeConflict(context, await taskOf(context, version, { checkpoint, carried, v1 }));
}

function faultOf(
  { rank, key, sourceRevision, detail }: Converted["checkpoint"],
  trial: Exclude<Trial, { outcome: "accepted" }>,
): Checkpoint {
  const cause = "code" in trial ? { cause: trial.code } : {};
  const { kind = "" } = detail;
  return {
    ...{ rank, key, target: key, state: "failed", sourceRevision },
    detail: { kind, code: SERVER_REFUSES, ...cause, reason: trial.reason },
  };
}
