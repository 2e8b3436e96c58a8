import type { Stage } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import type { Context } from "../context.ts";
import { agreedLosses, consentToLosses, forgetLosses } from "../not-carried-back.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { verifySweep } from "../stages/verify.ts";
import { carryBackEndpoints } from "./carry-back-endpoints.ts";
import { carryDeletions } from "./carry-deletions.ts";
import { carryObjects } from "./carry-objects.ts";
import { judgeWayBack } from "./judge-way-back.ts";
import { lookAtEtcd } from "./look-at-etcd.ts";
import { lockAgain } from "./lock-again.ts";
import { recordOnlyInEtcd } from "./only-in-etcd.ts";
import { RANGE, wayBackSweep } from "./way-back-sweep.ts";

/**
 * Writes to etcd what changed in the Kubernetes datastore after the unlock: first what the target lists, kind by kind,
 * then the deletions, which are the copied resources that no list has shown. Last it names what only etcd has.
 */
const carryBack = wayBackSweep({
  name: "carry-back",
  title: "carry what changed since the unlock back into etcd",
  begin: forgetLosses,
  objects: carryObjects,
  copies: (context, range) => carryDeletions(context, range, RANGE),
  keys: recordOnlyInEtcd,
});

type AnyStage = Stage<ClusterConnections, EtcdToKubernetesOptions>;

/** The way back after the unlock; none of it where `unlock` has begun, and failed before the Kubernetes datastore was opened. */
export const carryBackStages: readonly AnyStage[] = [
  judgeWayBack,
  { ...lockAgain, approvals: [consentToLosses] },
  carryBack,
  carryBackEndpoints,
  verifySweep({
    name: "verify-carried-back",
    title: "compare both sides again",
    sourceChanged: "named",
    writtenByOthers: "difference",
    accepted: agreedLosses,
  }),
  lookAtEtcd,
].map(onceOpened);

/** Nobody has used a datastore that was never opened: nothing is to be carried back, and etcd may be anybody's by now. */
function onceOpened(stage: AnyStage): AnyStage {
  const isClosed = async (context: Context): Promise<boolean> =>
    (await context.notesOf("unlock"))["opening"] === false;
  switch (stage.kind) {
    case "action":
      return {
        ...stage,
        act: async (context) => ((await isClosed(context)) ? { done: true } : stage.act(context)),
      };
    case "sweep":
      return {
        ...stage,
        plan: async (context, cursor) =>
          (await isClosed(context)) ? { batches: [], done: true } : stage.plan(context, cursor),
      };
    case "gate":
      return stage;
  }
}
