import type { Action, Sweep } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import { releaseFields } from "../../target/release-fields.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { ownerDetail } from "../owner-rows.ts";
import { managersOnceBack } from "../owners/managers.ts";
import { releaseOthers as release } from "../release-others.ts";
import { overRows } from "./release-owners.ts";

type AnyAction = Action<ClusterConnections, ApiserverToCrdsOptions>;
type AnySweep = Sweep<ClusterConnections, ApiserverToCrdsOptions>;

const OTHERS = "take this run off the fields of workloads, definitions and tools that it has written";
const OWNED = "take this run off the fields of objects whose owner references it has carried over";

/** Once nothing of the run can be undone any more. */
export const releaseOthers: AnyAction = { ...others("release-others"), changesCluster: true };
export const releaseOwned: AnySweep = { ...dependants("release-owned"), changesCluster: true };

/** The same at the end of the way back. */
export const releaseOthersBack = others("release-others-back");
export const releaseOwnedBack = dependants("release-owned-back");

function others(name: string): AnyAction {
  return {
    kind: "action",
    name,
    title: OTHERS,
    act: async (context) => {
      await release(context);
      return { done: true };
    },
  };
}

function dependants(name: string): AnySweep {
  return overRows({
    name,
    title: OWNED,
    states: ["applied", "verified", "reverted"],
    act: async (context, row) => {
      const { restored, ...detail } = ownerDetail(row);
      const carried = managersOnceBack(detail, row.state === "verified" ? restored : undefined);
      await releaseFields(context, detail, { releaseOf: () => ({ carried }) });
      return row;
    },
  });
}
