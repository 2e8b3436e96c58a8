import { untried } from "../../context.ts";
import { fail, pass, type ResourceCheck } from "../check.ts";
import { countedProblems } from "../listed.ts";

/** Nothing keeps the API server from judging before the copy. */
export const serverTried: ResourceCheck = {
  id: "server-tried",
  title: "every object can be tried by a dry run",
  severity: "warning",
  fix: "Whether they are accepted is seen when they are copied, before the lock. Set `sideEffects: None` on the webhook that is named, or let it leave the migration's user out.",
  phase: "resources",
  run: async (_inventory, context) => {
    const { count, items } = await countedProblems(context, untried(context));
    return count === 0 ? pass("all can") : fail(`${count} cannot be tried: ${items[0] ?? ""}`, items, count);
  },
};
