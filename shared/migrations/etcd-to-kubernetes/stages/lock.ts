import { z } from "zod";
import type { Action, ApprovalRule } from "../../../engine/migration.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import type { ClusterConnections } from "../../connections.ts";
import { type Context, decisions, uncarried } from "../context.ts";
import { presentProblems } from "../preflight/listed.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { lockSource } from "../source-lock.ts";
import { setTargetReady } from "../target-lock.ts";
import { unlockEtcd } from "../undo/unlock-etcd.ts";

const NAMED = 5;
const Subjects = z.record(z.string(), z.int());

/** Locks both sides and reads the locks back; from here on the source changes no more. */
export const lock: Action<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "action",
  name: "lock",
  title: "lock both datastores: new pods wait from here until the unlock",
  changesCluster: true,
  lockWindow: "begins",
  approvals: [consentTo("unmapped-nodes"), consentTo("uncarried"), consentTo("foreign-owners")],
  undo: [unlockEtcd],
  act: async (context) => {
    const { targetGroup } = await decisions(context);
    await setTargetReady(context, targetGroup, false);
    const startedAt = context.clock.now();
    const revision = await lockSource(context, (before) => context.record({ before, lockedAt: startedAt }));
    await context.record({ revision });
    await context.announce("datastore.locked", { revision });
    return { done: true };
  },
};

/** What preflight found to need a person's consent, by subject. */
function consentTo(subject: string): ApprovalRule<ClusterConnections, EtcdToKubernetesOptions> {
  return { subject, needed: (context) => consentNeeded(context, subject) };
}

async function consentNeeded(context: Context, subject: string): Promise<string | undefined> {
  const notes = await context.notesOf("preflight");
  const count = Subjects.parse(notes["consents"] ?? {})[subject] ?? 0;
  if (count === 0) return undefined;
  const isOf = ({ detail }: Checkpoint): boolean => detail["subject"] === subject;
  const named = await presentProblems(uncarried(context), notes["pinnedRevision"], isOf, NAMED);
  const examples = named.map(({ key, detail }) => `${key} (${textAt(detail, "reason")})`).join("; ");
  return `${count} to be approved as "${subject}"${examples === "" ? "" : `: ${examples}`}; \`describe\` lists all`;
}
