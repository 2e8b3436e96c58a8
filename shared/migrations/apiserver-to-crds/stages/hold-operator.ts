import type { Action } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import { HOLD_OPERATOR, holdOperator as hold } from "../operator-hold.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { operatorBack, startOperatorAgain, tellOperatorBack } from "../undo/operator-back.ts";

/**
 * Stops the operator, where one installs Calico, until `switch-operator`: it would put the APIService back as soon as that is
 * removed. projectcalico.org/v3 would then show the old group again, and the garbage collector would not find the native objects
 * that others belong to. How many replicas it had is recorded first.
 */
export const holdOperator: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: HOLD_OPERATOR,
  title: "stop the operator, which would put the APIService back, until it is switched",
  changesCluster: true,
  undo: [tellOperatorBack, startOperatorAgain, operatorBack],
  act: async (context) => {
    await hold(context);
    return { done: true };
  },
};
