import { blockers } from "../../context.ts";
import { fail, pass, type ResourceCheck } from "../check.ts";
import { listedProblems } from "../listed.ts";

/** No two resources become the same object. */
export const namesUnique: ResourceCheck = {
  id: "names-unique",
  title: "no two resources become the same object (`default.foo` and `foo`; handles that differ by case)",
  severity: "blocking",
  fix: "Rename or delete one of each two with calicoctl, then `resume`: everything is read again.",
  phase: "resources",
  run: async (inventory, context) => {
    const count = inventory.blockers["NAME_COLLISION"] ?? 0;
    if (count === 0) return pass("none do");
    const items = await listedProblems(
      context,
      blockers(context),
      ({ detail }) => detail["code"] === "NAME_COLLISION",
    );
    return fail(`${count} collide: ${items[0] ?? ""}`, items, count);
  },
};
