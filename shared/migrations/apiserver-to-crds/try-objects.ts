import type { NativeKind } from "../../calico/native/native-kinds.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { type Trial, tryCreate } from "../copying/try-object.ts";
import { blockers, type Context, nativeVersion, untried } from "./context.ts";
import { leftOutKeys } from "./left-out.ts";
import { type Converted, convert, keyOf, taskOf } from "./native-task.ts";

/** Why objects block that the API server would refuse: the code of their rows among the blockers. */
const SERVER_REFUSES = "SERVER_REFUSES";

/**
 * Lets the API server judge the native object of each of these v1 objects by a dry run, and records those that it would refuse
 * among the blockers, each with all that it says. Changes nothing on the cluster.
 *
 * @returns how many were tried.
 */
export async function tryObjects(
  context: Context,
  kind: NativeKind,
  objects: readonly JsonObject[],
): Promise<Record<string, number>> {
  const out = leftOutKeys(context.options);
  const version = await nativeVersion(context);
  const found: Record<"refused" | "untried", Checkpoint[]> = { refused: [], untried: [] };
  let tried = 0;
  await Promise.all(
    objects.map(async (v1) => {
      const { checkpoint, carried } = convert(kind, v1);
      // What is broken is told by preflight, or by the copy where it has come since.
      if (carried === undefined || out.has(keyOf(kind, v1))) return;
      tried++;
      const task = await taskOf(context, version, { checkpoint, carried, v1 });
      const { target, object, meaning } = task;
      const expected = await task.expected();
      const trial = await tryCreate(context, { target, object, expected, meaning, held: v1 });
      if (trial.outcome !== "accepted") found[trial.outcome].push(faultOf(checkpoint, trial));
    }),
  );
  await blockers(context).put(found.refused);
  await untried(context).put(found.untried);
  return { tried };
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
