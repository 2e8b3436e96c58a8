import { block, type Check, pass } from "../check.ts";

/** Nothing is done inside the lock that was not tried before. */
export const lockRehearsal: Check = {
  id: "lock-rehearsal",
  title: "every write that is made after the lock is accepted, as a dry run of each tells",
  why: "An admission policy, a webhook or a role that forbids one of them, such as changing workloads of kube-system or deleting the APIService, would stop the run while the datastore is locked.",
  severity: "blocking",
  fix: "Let the policy, webhook or role that is named allow the migration's user this write until the run has ended. It is tried again right before the lock.",
  judge: ({ rehearsal: { asked, refused, untried } }) => {
    if (refused.length > 0)
      return block(`${refused.length} would be refused: ${refused[0] ?? ""}`, { items: refused });
    const beside =
      untried.length === 0 ? "" : `; ${untried.length} cannot be tried, such as ${untried[0] ?? ""}`;
    return pass(`${asked} are${beside}`);
  },
};
