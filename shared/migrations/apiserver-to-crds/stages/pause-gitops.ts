import type { Action, StageOutcome } from "../../../engine/migration.ts";
import { MigratorError } from "../../../errors.ts";
import { describeManager, unrest } from "../../../kubernetes/gitops/act.ts";
import { type Managers } from "../../../kubernetes/gitops/find-managers.ts";
import { pauseManagers } from "../../../kubernetes/gitops/pause-managers.ts";
import type { ClusterConnections } from "../../connections.ts";
import type { Context } from "../context.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { gitOpsParts, pauseBook, pausedInOrder } from "../pause-book.ts";
import { gatherCrds } from "../preflight/gather/crds.ts";
import { gatherManagers } from "../preflight/gather/inventory.ts";
import { resumeAll } from "./resume-gitops.ts";

const POLL_MS = 2000;
/** How long the tools may take to finish what they had begun. Milliseconds. */
const REST_MS = 600_000;

const putGitOpsBack: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "put-gitops-back",
  title: "put the paused GitOps tools back as they were found",
  act: resumeAll,
};

/**
 * Pauses the GitOps tools that manage something of Calico, and waits until they rest. What was found of each is kept in
 * the ledger before the first is paused. With `gitops: refuse` it throws GITOPS_MANAGES_CALICO where there are any, with
 * `ignore` it does nothing. Throws GITOPS_BUSY when one does not come to rest.
 */
export const pauseGitOps: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "pause-gitops",
  title: "pause the GitOps tools that manage Calico's objects",
  changesCluster: true,
  undo: [putGitOpsBack],
  act: async (context) => {
    if (context.options.gitops === "ignore") return { done: true };
    if (context.notes["found"] !== true) await pauseFound(context);
    return awaitRest(context);
  },
};

async function pauseFound(context: Context): Promise<void> {
  const { managers, elsewhere } = await managersOf(context);
  if (context.options.gitops === "refuse" && managers.length > 0) throw managed(managers);
  await pauseManagers(gitOpsParts(context), pauseBook(context), managers);
  await context.record({
    found: true,
    managers: managers.map(describeManager),
    elsewhere: elsewhere.map(({ tool, name }) => `${tool}: ${name}`),
    pausedAt: context.clock.now(),
  });
}

async function managersOf(context: Context): Promise<Managers> {
  const cluster = { ...context.connections, signal: context.signal };
  const { oldCrds } = await gatherCrds(cluster);
  const readable = oldCrds.filter(({ established }) => established).map(({ plural }) => plural);
  return gatherManagers(cluster, readable);
}

/** Pauses again whoever was put back to work meanwhile. */
async function awaitRest(context: Context): Promise<StageOutcome> {
  const saved = await pausedInOrder(context);
  await pauseManagers(gitOpsParts(context), pauseBook(context), saved);
  const reasons: string[] = [];
  for (const one of saved) {
    const reason = await unrest(gitOpsParts(context), one);
    if (reason !== undefined) reasons.push(reason);
  }
  if (reasons.length === 0) return { done: true };
  const { pausedAt } = context.notes;
  // A resume grants the time once more.
  const since = Math.max(Number(pausedAt ?? Infinity), context.run.resumedAt ?? 0);
  if (context.clock.now() - since > REST_MS) throw busy(reasons);
  return { wait: { reason: "Gate", message: reasons.join("; "), retryAfterMs: POLL_MS } };
}

function managed(managers: Managers["managers"]): MigratorError {
  const names = managers.map(describeManager).join(", ");
  return new MigratorError("GITOPS_MANAGES_CALICO", `GitOps tools manage Calico's objects: ${names}`, {
    next: "Undo this run with `rollback`. Then pause them yourself and start again with --gitops=ignore, or let a run do it with --gitops=pause.",
  });
}

function busy(reasons: readonly string[]): MigratorError {
  return new MigratorError("GITOPS_BUSY", `GitOps tools do not come to rest: ${reasons.join("; ")}`, {
    next: "See what they wait for, then `resume`; or undo the run with `rollback`.",
  });
}
