import { type Check, pass, warn } from "../check.ts";
import { areTiersGuarded, installerOf } from "../components.ts";

/** What the removed component did is done by others. */
export const apiServerDuties: Check = {
  id: "api-server-duties",
  title: "what the aggregated API server guards is guarded afterwards",
  why: "The aggregated API server lets only those write a policy who have rights on its tier, and nobody write ClusterInformation. CRDs know of neither: without a guard, a team with rights on one tier writes into any.",
  severity: "warning",
  fix: "Start again without --native-guards, or install calico-webhooks first; or accept it with the approval `unguarded`.",
  judge: (facts) => {
    if (installerOf(facts) === "operator") return pass("the operator brings calico-webhooks with the switch");
    if (facts.guards === "install")
      return pass("admission policies take over rights by tier, and ClusterInformation");
    if (areTiersGuarded(facts)) return pass("calico-webhooks judges who writes into which tier");
    return warn("nothing takes over rights by tier, nor the guard of ClusterInformation");
  },
};
