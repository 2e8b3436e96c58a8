import { installerOf } from "../components.ts";
import { block, type Check, pass, warn } from "../check.ts";

const NAMED = 3;

/** Calico's own workloads will be able to use the native group. */
export const componentAccess: Check = {
  id: "component-access",
  title: "Calico's service accounts may do in the native group what they may do in the old one",
  why: "Without these rights calico-node does not become ready after the switch, or IPAM cannot allocate addresses. Manifests of Calico releases before 3.32 have no rules for the native group.",
  severity: "blocking",
  fix: "Apply the ClusterRoles of your Calico release: their rules name both projectcalico.org and crd.projectcalico.org.",
  judge: (facts) => {
    const { accounts } = facts;
    const lacking = accounts.filter(({ missing }) => missing.length > 0);
    if (lacking.length === 0)
      return pass(`${accounts.map(({ account }) => account).join(", ") || "none was found, and all"} may`);
    const items = lacking.flatMap(({ account, missing }) => missing.map((right) => `${account}: ${right}`));
    const message = lacking
      .map(({ account, missing }) => `${account} may not ${someOf(missing)} in projectcalico.org`)
      .join("; ");
    if (installerOf(facts) !== "operator") return block(message, { items });
    return warn(message, {
      items,
      next: "The operator writes these ClusterRoles. Make sure that it is healthy and of the version that Calico is.",
    });
  },
};

function someOf(rights: readonly string[]): string {
  const more = rights.length > NAMED ? ` (and ${rights.length - NAMED} more)` : "";
  return `${rights.slice(0, NAMED).join(", ")}${more}`;
}
