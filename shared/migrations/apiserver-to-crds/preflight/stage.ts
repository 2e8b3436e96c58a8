import type { Action, StageContext } from "../../../engine/migration.ts";
import { isJsonObject } from "../../../json.ts";
import type { ClusterConnections } from "../../connections.ts";
import { artifactName } from "../../context.ts";
import { forgetProblems } from "../../copying/problems.ts";
import { blockers } from "../context.ts";
import { uncarried } from "../left-out.ts";
import type { CheckReport } from "../../preflight/check.ts";
import { keepReports, PREFLIGHT_REPORT, refuse } from "../../preflight/reports.ts";
import { CHECKS } from "./catalogue.ts";
import { reported } from "./check.ts";
import { access as accessCheck, judgeAccess } from "./checks/access.ts";
import { oldGroup } from "./checks/old-group.ts";
import { findingsOf } from "./findings.ts";
import { gatherAccess, gatherFacts } from "./gather.ts";
import type { Book } from "./gather/cluster.ts";
import type { Found } from "./gather/object-judge.ts";
import type { PreflightInput } from "./input.ts";

type Context<O> = StageContext<ClusterConnections, O>;

/**
 * Looks, and changes nothing on the cluster: runs every check, and records `checks`, `findings` and `byKind`. `inputOf` gives what
 * the checks need of the run's options. Throws PREFLIGHT_FAILED when a check blocks, and NOTHING_TO_MIGRATE where the old
 * group is not there.
 */
export function preflight<O>(
  inputOf: (context: Context<O>) => Promise<PreflightInput>,
): Action<ClusterConnections, O> {
  return {
    kind: "action",
    name: "preflight",
    title: "check the cluster, its versions and its owners, changing nothing",
    act: async (context) => {
      const input = await inputOf(context);
      const { signal, connections } = context;
      const cluster = { ...connections, signal, book: bookOf(context), keep: keeperOf(context) };
      const access = await gatherAccess(cluster, input);
      if (access.denied.length > 0) await conclude(context, [reported(accessCheck, judgeAccess(access))]);
      // What an earlier look has found may be mended.
      for (const ledger of [blockers(context), uncarried(context)]) await forgetProblems(ledger);
      const facts = await gatherFacts(cluster, input, access);
      const nothing = reported(oldGroup, oldGroup.judge(facts));
      if (nothing.status === "fail") await conclude(context, [nothing], "NOTHING_TO_MIGRATE");
      await conclude(
        context,
        CHECKS.map((check) => reported(check, check.judge(facts))),
      );
      await context.record({ findings: findingsOf(facts), byKind: facts.byKind });
      await context.announce("preflight.passed", { resources: facts.byKind });
      return { done: true };
    },
  };
}

/** In the stage's notes. What was found before somebody resumed the run may be mended: it is looked at again. */
function bookOf<O>(context: Context<O>): Book {
  const { retriesSeen } = context.run;
  return {
    read: () => {
      const { dependants } = context.notes;
      return isJsonObject(dependants) && dependants["resumed"] === retriesSeen ? dependants["at"] : undefined;
    },
    write: (at) => context.record({ dependants: { resumed: retriesSeen, at } }),
  };
}

/** What was found about single objects, by name, however many they are. */
function keeperOf<O>(context: Context<O>): (found: Found) => Promise<void> {
  return async ({ blocked, lost }) => {
    await blockers(context).put(blocked);
    await uncarried(context).put(lost);
  };
}

/** Keeps the reports, and throws when one of them blocks. */
async function conclude<O>(
  context: Context<O>,
  reports: readonly CheckReport[],
  code?: string,
): Promise<void> {
  await keepReports(context, artifactName(context, PREFLIGHT_REPORT), reports);
  refuse(reports, code);
}
