import { blockers } from "../../context.ts";
import { fail, pass, type ResourceCheck } from "../check.ts";
import { listedProblems } from "../listed.ts";

/** The target's CRDs have a place for every field. */
export const schemaAccepts: ResourceCheck = {
  id: "schema-accepts",
  title: "the target's CRDs accept every resource, and drop no field of it",
  severity: "blocking",
  fix: "Mend the resources that are named, with calicoctl; where a field is missing that the target's Calico reads, use the CRDs of that version of Calico. Then `resume`: everything is read again.",
  phase: "resources",
  run: async (inventory, context) => {
    const count = inventory.blockers["SCHEMA_REFUSES"] ?? 0;
    if (count === 0) return pass("they do");
    const items = await listedProblems(
      context,
      blockers(context),
      ({ detail }) => detail["code"] === "SCHEMA_REFUSES",
    );
    return fail(`${count} resources are refused: ${items[0] ?? ""}`, items, count);
  },
};
