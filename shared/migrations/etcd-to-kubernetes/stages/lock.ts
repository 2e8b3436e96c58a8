import { z } from "zod";
import { type Shown, Tally } from "../../../engine/approvals.ts";
import { ledgerPages } from "../../../engine/ledger.ts";
import type { Action, ApprovalRule } from "../../../engine/migration.ts";
import type { JsonObject } from "../../../json.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import type { ClusterConnections } from "../../connections.ts";
import { recordChanges } from "../changes.ts";
import { changesOfHomes } from "../changes-of-homes.ts";
import { type Context, decisions, sendFor, uncarried } from "../context.ts";
import { readHomes } from "../homes.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { copyPendingChanges } from "../pending-changes.ts";
import { ASKS_FOR_LATE } from "../recording.ts";
import { copiesAt, lockRehearsals, rehearseSourceWrites } from "../rehearsals.ts";
import { lockSource } from "../source-lock.ts";
import { rehearseBeforeLock } from "../../target/rehearse.ts";
import { LOCKED, setTargetReady } from "../target-lock.ts";
import { unlockEtcd } from "../undo/unlock-etcd.ts";
import { refuseDifferences } from "./look-again.ts";

const NAMED = 5;
const PAGE = 1000;
const Subjects = z.record(z.string(), z.int());
const Reports = z.array(
  z.object({ id: z.string(), status: z.string(), items: z.array(z.string()).optional() }),
);

/** Locks both sides and reads the locks back; from here on the source changes no more. */
export const lock: Action<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "action",
  name: "lock",
  title: "lock both datastores: new pods wait from here until the unlock",
  changesCluster: true,
  lockWindow: "begins",
  approvals: [homesFirst(consentTo("unmapped-nodes")), consentTo("uncarried"), consentTo("foreign-owners")],
  asks: ASKS_FOR_LATE,
  undo: [unlockEtcd],
  act: async (context) => {
    const { targetGroup } = await decisions(context);
    if (context.notes["lockedAt"] === undefined) {
      const wait = await copyPendingChanges(context);
      if (wait !== undefined) return wait;
      await refuseDifferences(context);
      await rehearse(context);
    }
    // Pods do not need the target yet: it shows that Kubernetes can be reached, before etcd is locked.
    await setTargetReady(context, targetGroup, false);
    const startedAt = context.clock.now();
    const revision = await lockSource(context, async (before) => {
      await context.record({ before, lockedAt: startedAt });
      await context.tellLock("locking", LOCKED.both);
    });
    await context.tellLock("locked", LOCKED.both, { revision });
    await context.record({ revision });
    return { done: true };
  },
};

/** What was allowed in preflight may be no more; a refusal inside the lock would leave everything locked. */
async function rehearse(context: Context): Promise<void> {
  await rehearseSourceWrites(context);
  const target = copiesAt(await decisions(context));
  await rehearseBeforeLock(sendFor(context), await lockRehearsals(context, target));
}

/** Namespaces and nodes have come and gone since preflight: what that means is asked for with the rest, before the lock. */
function homesFirst(
  rule: ApprovalRule<ClusterConnections, EtcdToKubernetesOptions>,
): ApprovalRule<ClusterConnections, EtcdToKubernetesOptions> {
  return {
    subject: rule.subject,
    needed: async (context) => {
      const homes = await readHomes(context);
      const judging = { homes: () => Promise.resolve(homes), beforeLock: true };
      for await (const chunk of changesOfHomes(context, homes)) await recordChanges(context, chunk, judging);
      return rule.needed(context);
    },
  };
}

/** What preflight found to need a person's consent, by subject. */
function consentTo(subject: string): ApprovalRule<ClusterConnections, EtcdToKubernetesOptions> {
  return { subject, needed: (context) => consentNeeded(context, subject) };
}

/** What preflight read at its revision, whatever has come since: that is for `uncarried-late`. */
async function consentNeeded(context: Context, subject: string): Promise<Shown | undefined> {
  const notes = await context.notesOf("preflight");
  const { pinnedRevision } = await decisions(context);
  const tally = new Tally();
  const named: string[] = [];
  let over = 0;
  for await (const page of ledgerPages(uncarried(context), { limit: PAGE })) {
    for (const { key, state, detail } of page) {
      if (detail["subject"] !== subject || detail["revision"] !== pinnedRevision) continue;
      if (state !== "pending") {
        over++;
        continue;
      }
      const reason = textAt(detail, "reason");
      tally.add([key, reason]);
      if (named.length < NAMED) named.push(`${key} (${reason})`);
    }
  }
  for (const item of itemsOf(notes, subject)) {
    tally.add(item);
    if (named.length < NAMED) named.push(item);
  }
  // Copying may have left more behind than preflight has counted, and some may have found its place since.
  const counted = (Subjects.parse(notes["consents"] ?? {})[subject] ?? 0) - over;
  const count = Math.max(counted, tally.count);
  if (count <= 0) return undefined;
  const examples = named.length === 0 ? "" : `: ${named.join("; ")}`;
  const shown = `${count} to be approved as "${subject}"${examples}; \`describe\` lists all`;
  return { ...tally.shown(shown), count };
}

/** What a check of the connections has named, which stands in no ledger. */
function itemsOf(notes: Readonly<JsonObject>, subject: string): readonly string[] {
  const checks = Reports.safeParse(notes["checks"]).data ?? [];
  return checks.find(({ id, status }) => id === subject && status === "fail")?.items ?? [];
}
