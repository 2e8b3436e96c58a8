import type { Action } from "../../../engine/migration.ts";
import { MigratorError } from "../../../errors.ts";
import type { ClusterConnections } from "../../connections.ts";
import { artifactName } from "../../context.ts";
import type { Context } from "../context.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { nativeWritesLeft } from "./native-writes.ts";
import { PROOFS } from "./proofs.ts";
import { type Comparison, compareWithBackup } from "./untouched.ts";

/** The artifact that says what the undoing of a run has left, and how the old group compares with its backup. */
const UNDONE = "undone.json";
const NAMED = 20;

/** What of one subject is not as it was found. */
interface Left {
  subject: string;
  mustHold: boolean;
  left: string[];
}

/**
 * Proves that the undo is complete, and makes good what can be: locks, the APIService, owner references, GitOps tools, native
 * objects and definitions are as they were found, and no object of the old group was written by this run, told by the hash of
 * each. What is left is in the artifact and in the notes. Throws UNDO_INCOMPLETE where that would harm somebody.
 */
export const verifyUndone: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "verify-undone",
  title: "prove that the cluster is as it was found",
  act: async (context) => {
    const all: Left[] = [];
    for (const { subject, mustHold, left } of PROOFS)
      all.push({ subject, mustHold, left: await left(context) });
    const oldGroup = await oldGroupNow(context);
    if (oldGroup !== undefined)
      all.push({
        subject: "the old group, which this run has written to",
        mustHold: true,
        left: oldGroup.written,
      });
    await keep(context, all, oldGroup);
    refuseIncomplete(all);
    await tellDropped(context);
    return { done: true };
  },
};

/** Without a backup nothing was written that could have touched it. */
async function oldGroupNow(context: Context): Promise<Comparison | undefined> {
  const isBackedUp = (await context.stageOf("backup"))?.state === "done";
  return isBackedUp ? compareWithBackup(context) : undefined;
}

async function keep(context: Context, all: readonly Left[], oldGroup: Comparison | undefined): Promise<void> {
  const left = all.filter((one) => one.left.length > 0);
  const report = {
    apiVersion: "calico-migrator.io/v1",
    kind: "UndoReport",
    run: context.run.runId,
    proved: all.filter((one) => one.left.length === 0).map(({ subject }) => subject),
    left: left.map(({ subject, left: items }) => ({ subject, items })),
    oldGroup,
  };
  const content = Buffer.from(`${JSON.stringify(report, null, 2)}\n`);
  const written = await context.artifacts.write(artifactName(context, UNDONE), [content]);
  await context.record({
    artifact: written.name,
    left: left
      .flatMap(({ subject, left: items }) => items.map((item) => `${subject}: ${item}`))
      .slice(0, NAMED),
    ...(oldGroup === undefined ? {} : { oldGroup: summary(oldGroup) }),
  });
}

/** Nobody is left to ask: what others have written was accepted, and is in force no more. */
async function tellDropped(context: Context): Promise<void> {
  const writes = await nativeWritesLeft(context);
  if (writes.length === 0) return;
  const next = `\`calico-migrator describe ${context.run.runId} -o json\` lists all of them, and has what was created or changed as \`object\`, for \`kubectl apply\`.`;
  await context.announce("writes.dropped", { count: writes.length, writes: writes.slice(0, NAMED), next });
}

function summary(comparison: Comparison): Record<string, number | string | boolean> {
  const { objects, unchanged, before, after, changed, deleted, created } = comparison;
  const counts = { changed: changed.length, deleted: deleted.length, created: created.length };
  return { objects, unchanged, ...counts, before, after, untouched: before === after };
}

function refuseIncomplete(all: readonly Left[]): void {
  const [first] = all.filter(({ mustHold, left }) => mustHold && left.length > 0);
  if (first === undefined) return;
  const { subject, left } = first;
  const more = left.length > 1 ? `, and ${left.length - 1} more` : "";
  throw new MigratorError("UNDO_INCOMPLETE", `${subject}: ${left[0] ?? ""}${more}`, {
    next: "See what holds it, mend that, then `resume`.",
    retryable: true,
  });
}
