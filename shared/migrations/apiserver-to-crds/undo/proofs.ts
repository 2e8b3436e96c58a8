import { readLock } from "../../../calico/lock.ts";
import { ledgerPages } from "../../../engine/ledger.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import { canonicalJson } from "../../../json.ts";
import { nativeApiService } from "../../../kubernetes/api-services.ts";
import { objectAt, textAt } from "../../../kubernetes/fields.ts";
import { secondVersionStates } from "../../../kubernetes/second-version-calls.ts";
import { listed } from "../../report.ts";
import { readTarget } from "../../target/calls.ts";
import { removedApiService, restoreFound } from "../api-service.ts";
import { OLD_LOCK, unlockOld } from "../cluster-information.ts";
import { type Context, foreignOwners, sendFor } from "../context.ts";
import { ownerDetail, OWNERS_RANK } from "../owner-rows.ts";
import { restoreOwners } from "../owners/release.ts";
import { pausedInOrder } from "../pause-book.ts";
import { nativeCrdNames } from "../native-definitions.ts";
import { close } from "../second-version.ts";
import { writeOptions } from "../stages/release-owners.ts";
import { resumeAll } from "../stages/resume-gitops.ts";
import { identified, InstallNotes } from "../undo-install.ts";
import { LEFTOVERS, STILL_LEFT } from "./leftovers.ts";
import { nativeWritesLeft } from "./native-writes.ts";

const PAGE = 100;

/** One thing that must be as it was found. */
export interface Proof {
  subject: string;
  /** True when the run may not end before it is so; otherwise what is left harms nobody, and is told. */
  mustHold: boolean;
  /** Makes good what can be made good, and says what is left; nothing where the run has not come that far. */
  left: (context: Context) => Promise<string[]>;
}

/** What an undone run proves, in this order. */
export const PROOFS: readonly Proof[] = [
  { subject: "the lock of the old group", mustHold: true, left: lockLeft },
  { subject: "the APIService", mustHold: true, left: apiServiceLeft },
  { subject: "owner references of other objects", mustHold: true, left: ownersLeft },
  { subject: "GitOps tools", mustHold: true, left: gitOpsLeft },
  { subject: "the second version of the native CRDs", mustHold: false, left: secondVersionLeft },
  { subject: "native objects", mustHold: false, left: nativeLeft },
  { subject: "accepted writes to native objects, not in force", mustHold: false, left: nativeWritesLeft },
  { subject: "CRDs and admission policies", mustHold: false, left: installedLeft },
];

async function lockLeft(context: Context): Promise<string[]> {
  if ((await context.stageOf("lock")) === undefined) return [];
  await unlockOld(context);
  const found = await readTarget(context, OLD_LOCK);
  const isLocked = found !== undefined && readLock(found).lockedBy === context.run.runId;
  return isLocked ? ["crd.projectcalico.org is locked by this run"] : [];
}

async function apiServiceLeft(context: Context): Promise<string[]> {
  const [saved, now] = [await removedApiService(context), await restoreFound(context)];
  if (saved === undefined || now === undefined) return [];
  const { name } = nativeApiService;
  if (now.served !== "aggregated") return [`${name} is ${now.served}`];
  const isSame = canonicalJson(objectAt(saved, "spec")) === canonicalJson(objectAt(now.object ?? {}, "spec"));
  // Whoever has put it back first, such as the operator, may know better by now.
  if (!isSame) await context.record({ apiService: `somebody else has put ${name} back, with another spec` });
  return [];
}

async function ownersLeft(context: Context): Promise<string[]> {
  const left: string[] = [];
  for await (const page of ledgerPages(foreignOwners(context), { rank: OWNERS_RANK, limit: PAGE }))
    left.push(...(await Promise.all(page.map((row) => ownerLeft(context, row)))).flat());
  return left;
}

async function ownerLeft(context: Context, row: Checkpoint): Promise<string[]> {
  const result = await restoreOwners(
    sendFor(context),
    ownerDetail(row),
    (same) => same,
    writeOptions(context),
  );
  return result.outcome === "gone" || result.demoted.length === 0
    ? []
    : [`${row.key} has another controller now`];
}

async function gitOpsLeft(context: Context): Promise<string[]> {
  if ((await pausedInOrder(context)).length > 0) await resumeAll(context);
  return (await pausedInOrder(context)).map(({ tool, name }) => `${tool} ${name} is paused`);
}

async function secondVersionLeft(context: Context): Promise<string[]> {
  if ((await context.stageOf("open-second-version")) === undefined) return [];
  if ((await openDefinitions(context)).length > 0) await close(context);
  return (await openDefinitions(context)).map((name) => `${name} still has it`);
}

async function openDefinitions(context: Context): Promise<string[]> {
  const states = await secondVersionStates(sendFor(context), nativeCrdNames());
  const isClosed = new Set(["closed", "absent", "impossible"]);
  return states.filter(({ state }) => !isClosed.has(state)).map(({ name }) => name);
}

function nativeLeft(context: Context): Promise<string[]> {
  return listed(
    context.ledger(LEFTOVERS),
    ({ target, detail }) => `${target}: ${textAt(detail, "reason")}`,
    STILL_LEFT,
  );
}

async function installedLeft(context: Context): Promise<string[]> {
  const { created } = InstallNotes.parse(await context.notesOf("install-crds"));
  const found = await Promise.all(
    created.map(async (one) => ({
      ...(await identified(context, one)),
      now: await readTarget(context, one.ref),
    })),
  );
  const present = found.filter(
    ({ uid, now }) => uid !== undefined && now !== undefined && objectAt(now, "metadata")["uid"] === uid,
  );
  // Definitions that are kept stand among the leftovers, with the reason.
  const named = new Set(await listed(context.ledger(LEFTOVERS), ({ key }) => key));
  return present
    .filter(({ ref }) => !named.has(`${ref.apiVersion}/${ref.plural}/${ref.name}`))
    .map(({ ref }) => `${ref.plural} ${ref.name}, which others use`);
}
