import { forgetLosses } from "../not-carried-back.ts";
import { recordLostEndpoints } from "./carry-back-endpoints.ts";
import { recordLossesOf } from "./carry-objects.ts";
import { rehearseWayBack } from "./lock-again.ts";
import { recordOnlyInEtcd } from "./only-in-etcd.ts";
import { RANGE, wayBackSweep } from "./way-back-sweep.ts";
import { recordWrittenSince } from "./written-since-rows.ts";

/**
 * Finds what the way back will not carry, and what was written to the locked etcd since the unlock, while nothing is locked: a
 * person decides on it in peace. Before that it tries what the way back will do: nobody decides on what cannot be done. What comes after this is found once more by the carrying back.
 */
export const judgeWayBack = wayBackSweep({
  name: "judge-way-back",
  title: "find what cannot be carried back, and what was written to the locked etcd since the unlock",
  begin: async (context) => {
    await rehearseWayBack(context);
    await forgetLosses(context);
  },
  objects: async (context, kind, objects) => {
    await recordLossesOf(context, kind, objects);
    return 0;
  },
  copies: async (context, range) => {
    await recordWrittenSince(context, range, RANGE);
    return 0;
  },
  keys: recordOnlyInEtcd,
  pods: recordLostEndpoints,
});
