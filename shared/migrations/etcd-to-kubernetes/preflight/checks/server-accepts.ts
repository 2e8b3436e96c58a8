import { blockers } from "../../context.ts";
import { SERVER_REFUSES } from "../../try-resources.ts";
import { fail, pass, type ResourceCheck } from "../check.ts";
import { countedProblems } from "../listed.ts";

/** The API server takes every object as it will be written. */
export const serverAccepts: ResourceCheck = {
  id: "server-accepts",
  title: "the API server accepts every object, as a dry run of each tells",
  severity: "blocking",
  fix: "Do what each reason says: mend the resource in etcd with calicoctl; let an admission policy, webhook or quota pass it; make it smaller. Then `resume`: everything is read and tried again.",
  phase: "resources",
  run: async (_inventory, context) => {
    const { count, items } = await countedProblems(
      context,
      blockers(context),
      ({ detail }) => detail["code"] === SERVER_REFUSES,
    );
    return count === 0 ? pass("it does") : fail(`${count} would be refused: ${items[0] ?? ""}`, items, count);
  },
};
