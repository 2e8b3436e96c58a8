import { rehearse } from "../../../target/rehearse.ts";
import { sendFor } from "../../context.ts";
import { lockRehearsals, rehearseSourceWrites } from "../../rehearsals.ts";
import { type ConnectionCheck, fail, pass } from "../check.ts";

/** Nothing is done inside the lock that was not tried before. */
export const lockRehearsal: ConnectionCheck = {
  id: "lock-rehearsal",
  title: "every write that is made after the lock is accepted, as a dry run of each tells",
  severity: "blocking",
  fix: "Let the policy, webhook or role that is named allow the migration's user this write until the run has ended. It is tried again right before the lock.",
  phase: "connections",
  run: async (facts, context) => {
    await rehearseSourceWrites(context);
    const [targetGroup, missingKinds] = [await facts.targetGroup(), await facts.missingKinds()];
    const rehearsals = await lockRehearsals(context, { targetGroup, missingKinds });
    const { asked, refused, untried } = await rehearse(sendFor(context), rehearsals);
    if (refused.length > 0)
      return fail(`${refused.length} would be refused: ${refused[0] ?? ""}`, refused, refused.length);
    const beside =
      untried.length === 0 ? "" : `; ${untried.length} cannot be tried, such as ${untried[0] ?? ""}`;
    return pass(`${asked} are${beside}`);
  },
};
