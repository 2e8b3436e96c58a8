import { crdName } from "../../calico/kinds.ts";
import { forward } from "../../calico/forward.ts";
import type { Carried, ForwardContext } from "../../calico/forwarded.ts";
import { meaningHash } from "../../calico/meaning.ts";
import type { TargetObject } from "../../calico/target.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { objectAt } from "../../kubernetes/fields.ts";
import { applyDefaults } from "../../kubernetes/structural-schema.ts";
import { type Trial, tryCreate, trialOf, tryOptions } from "../copying/try-object.ts";
import { callOverConflicts } from "../target/calls.ts";
import { fit } from "../target/fit.ts";
import { blockers, type Context, conversion, decisions, untried } from "./context.ts";
import { HOME_MISSING, homeOf, homeUid } from "./homes.ts";
import { over } from "./preflight/listed.ts";
import type { Surroundings } from "./preflight/read-resources.ts";
import { readSources } from "./source.ts";

/** Why resources block that the API server would refuse: the code of their rows among the blockers. */
export const SERVER_REFUSES = "SERVER_REFUSES";

/**
 * Lets the API server judge every one of these resources by a dry run, and records those that it would refuse among the
 * blockers, each with all that it says. Changes nothing on the cluster. Those whose CRD is not there yet are left out.
 *
 * @param now - judge the resources as they are in etcd now, instead of at the pinned revision
 * @returns how many were tried.
 */
export async function tryResources(
  context: Context,
  { schemas, servedCrds }: Pick<Surroundings, "schemas" | "servedCrds">,
  rows: readonly Checkpoint[],
  { now = false } = {},
): Promise<Record<string, number>> {
  const { pinnedRevision } = await decisions(context);
  // Knows, other than the surroundings', which fields the target's CRDs lack.
  const convert = await conversion(context);
  const found: Record<"refused" | "untried", Checkpoint[]> = { refused: [], untried: [] };
  let tried = 0;
  await Promise.all(
    (await readSources(context, rows, now ? undefined : pinnedRevision)).map(
      async ({ checkpoint, source }) => {
        const carried = source === undefined ? undefined : forward(source.key, source.value, convert);
        if (carried?.outcome !== "carry") return;
        const name = nameOf(carried, convert);
        if (name !== undefined && !servedCrds.has(name)) return;
        tried++;
        const trial = await tryCarried(context, carried, name === undefined ? undefined : schemas.get(name));
        if (trial.outcome !== "accepted" && !(await hasLostItsHome(context, carried, trial)))
          found[trial.outcome].push(faultOf(checkpoint, trial, pinnedRevision));
      },
    ),
  );
  await blockers(context).put(found.refused);
  await untried(context).put(found.untried);
  return { tried };
}

/** Its namespace or Node has gone since it was read: it is left behind when it is copied, with consent. */
async function hasLostItsHome(
  context: Context,
  { kind, target }: Carried,
  trial: Exclude<Trial, { outcome: "accepted" }>,
): Promise<boolean> {
  const home = homeOf(kind, target);
  if (home === undefined || !("code" in trial) || !HOME_MISSING.has(trial.code)) return false;
  return (await homeUid(context, home)) === undefined;
}

/** What was found about these resources before is over. */
export async function forgetTrials(context: Context, rows: readonly Checkpoint[]): Promise<void> {
  for (const ledger of [blockers(context), untried(context)]) {
    const known = (await ledger.get(rows)).filter(({ detail }) => detail["code"] === SERVER_REFUSES);
    await ledger.put(known.map(over));
  }
}

function nameOf({ kind }: Carried, { targetGroup }: ForwardContext): string | undefined {
  return kind === "Node" ? undefined : crdName(kind, targetGroup);
}

function tryCarried(context: Context, carried: Carried, schema: JsonObject | undefined): Promise<Trial> {
  if (carried.kind === "Node") return tryNode(context, carried);
  const { target } = carried;
  const object = schema === undefined ? carried.object : fit(schema, carried.object).object;
  const expected = schema === undefined ? object : applyDefaults(schema, object);
  return tryCreate(context, { target, object, expected, meaning: meaningHash });
}

/** Calico's data of a node are annotations of the Node, written through its status. */
async function tryNode(
  context: Context,
  { target, object }: { target: Carried["target"]; object: TargetObject },
): Promise<Trial> {
  const patch = { metadata: { annotations: objectAt(object, "metadata", "annotations") } };
  const options = { ...tryOptions(context), type: "merge", subresource: "status" } as const;
  try {
    await callOverConflicts(context, () => context.connections.kubernetes.patch(target, patch, options));
    return { outcome: "accepted" };
  } catch (error) {
    return trialOf(error);
  }
}

function faultOf(
  row: Checkpoint,
  trial: Exclude<Trial, { outcome: "accepted" }>,
  revision: number,
): Checkpoint {
  const cause = "code" in trial ? { cause: trial.code } : {};
  const detail = { ...row.detail, code: SERVER_REFUSES, ...cause, reason: trial.reason, revision };
  return { ...row, target: row.key, state: "failed", detail };
}
