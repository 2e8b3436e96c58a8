import type { Action, StageOutcome } from "../../../engine/migration.ts";
import { resumeManagers } from "../../../kubernetes/gitops/pause-managers.ts";
import type { ClusterConnections } from "../../connections.ts";
import type { Context } from "../context.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { gitOpsParts, markResumed, pausedInOrder } from "../pause-book.ts";

/** Puts the tools that this run has paused back as they were found; what somebody has changed since is left, and the notes say so. */
export const resumeGitOps: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "resume-gitops",
  title: "put the paused GitOps tools back as they were found",
  changesCluster: true,
  act: resumeAll,
};

/** What both ways of ending a run do about paused tools: `outcomes` in the notes says what became of each. */
export async function resumeAll(context: Context): Promise<StageOutcome> {
  const saved = await pausedInOrder(context);
  const outcomes = await resumeManagers(gitOpsParts(context), saved);
  if (outcomes.length > 0) await context.record({ outcomes: outcomes.map(({ message }) => message) });
  await markResumed(context, saved);
  return { done: true };
}
