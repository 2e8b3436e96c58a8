import { textAt } from "../../../../kubernetes/fields.ts";
import { SERVER_REFUSES } from "../../try-resources.ts";
import { blockers } from "../../context.ts";
import { fail, pass, type ResourceCheck } from "../check.ts";
import { listedProblems } from "../listed.ts";

/** Every value can be understood, and every name is one that Kubernetes takes. */
export const valuesValid: ResourceCheck = {
  id: "values-valid",
  title: "every value in etcd is Calico's and valid, selectors included, with a name that Kubernetes accepts",
  severity: "blocking",
  fix: "Mend or delete the keys that are named, with calicoctl or etcdctl, then `resume`: everything is read again.",
  phase: "resources",
  run: async (inventory, context) => {
    const others = ["NAME_COLLISION", "SCHEMA_REFUSES", SERVER_REFUSES];
    const codes = Object.entries(inventory.blockers).filter(([code]) => !others.includes(code));
    const count = codes.reduce((sum, [, n]) => sum + n, 0);
    if (count === 0) return pass("all are");
    const items = await listedProblems(
      context,
      blockers(context),
      (row) => !others.includes(textAt(row.detail, "code")),
    );
    return fail(`${count} are not: ${items[0] ?? ""}`, items, count);
  },
};
