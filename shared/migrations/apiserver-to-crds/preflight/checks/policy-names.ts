import { type Check, pass, warn } from "../check.ts";

const DISABLE = `kubectl patch kubecontrollersconfigurations.crd.projectcalico.org default --type=merge -p '{"spec":{"controllers":{"migration":{"policyNameMigrator":"Disabled"}}}}'`;

/** Nobody renames policies meanwhile. */
export const policyNames: Check = {
  id: "policy-names",
  title: "the policy name migrator has nothing to do, or is off",
  why: "It creates each policy of the default tier anew under its short name and deletes the old one, also during a migration. Nothing is lost by that, but what was copied is copied again, inside the lock as well.",
  severity: "warning",
  fix: `Wait until it has finished, or turn it off: ${DISABLE}`,
  judge: ({ policyNameMigrator, legacyNames: { count, first } }) => {
    if (count === 0) return pass("no policy has a legacy name");
    if (policyNameMigrator === "Disabled") return pass(`it is off; ${count} policies have legacy names`);
    return warn(`it is on, and ${count} policies have legacy names, among them ${first[0] ?? "?"}`, {
      items: first,
    });
  },
};
