import { z } from "zod";
import type { BatchOutcome, Sweep, SweepPlan } from "../../../engine/migration.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import { ledgerPages } from "../../../engine/ledger.ts";
import { MigratorError } from "../../../errors.ts";
import type { ResourceRef } from "../../../kubernetes/types.ts";
import type { ClusterConnections } from "../../connections.ts";
import { fieldManager } from "../../context.ts";
import { rowsInRange, spanOf } from "../../copying/ledger-ranges.ts";
import { WRITE_TIMEOUT_MS } from "../../target/calls.ts";
import { type Context, foreignOwners, sendFor } from "../context.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { keepOwned, type OwnerDetail, ownerDetail, ownerRow, OWNERS_RANK } from "../owner-rows.ts";
import { releaseOwners as release, restoreOwners } from "../owners/release.ts";
import { ownedPage, scannedResources } from "../owners/scan.ts";

const Resource = z.object({ apiVersion: z.string(), plural: z.string() });
const Cursor = z.object({ resource: z.int(), continueToken: z.string().optional() });
const Keys = z.object({ keys: z.array(z.string()) });
const Range = z.object({ rank: z.int(), from: z.string(), to: z.string() });
/**
 * How often an object is tried whose references others change at the same time. Then a person has to stop them.
 */
const TRIES = 5;
const NAMED = 50;

type Stage = Sweep<ClusterConnections, ApiserverToCrdsOptions>;
type Lists = (context: Context) => Promise<{ resources: ResourceRef[]; unread: string[] }>;

/** Puts references back to the owners that they had, which the restored API server knows by the same UIDs. */
const putOwnersBack: Stage = overRows({
  name: "put-owners-back",
  title: "put owner references back as they were found",
  states: ["pending", "applied", "verified"],
  act: async (context, row) => {
    const detail = ownerDetail(row);
    await restoreOwners(sendFor(context), detail, (reference) => reference, writeOptions(context));
    return ownerRow(detail, "reverted");
  },
});

/**
 * Takes the references to Calico objects off all objects that are not Calico's: their UIDs mean nothing to the native group,
 * so the garbage collector would delete these objects at the switch. Each is recorded before it is changed. Resources that
 * could not be read are in the notes as `unread`.
 */
export const releaseOwners: Stage = {
  ...releasing(async (context) => {
    const { resources, unread } = await scannedResources(sendFor(context));
    return { resources, unread: unread.map(({ subject, reason }) => `${subject}: ${reason}`) };
  }),
  name: "release-owners",
  title: "take references to Calico objects off other objects, so that these are not collected",
  undo: [putOwnersBack],
};

/**
 * The same for objects that were created since, right before the switch. Inside the lock window: so only resources are
 * listed of which `release-owners` has found any.
 */
export const releaseNewOwners: Stage = {
  ...releasing(async (context) => ({ resources: await foundResources(context), unread: [] })),
  name: "release-new-owners",
  title: "take references to Calico objects off objects that were created meanwhile",
};

function releasing(lists: Lists): Pick<Stage, "kind" | "changesCluster" | "plan" | "work"> {
  return {
    kind: "sweep",
    changesCluster: true,
    plan: async (context, previous) => {
      if (context.options.skipForeignOwnerReferences) return { batches: [], done: true };
      const cursor = previous === undefined ? { resource: 0 } : Cursor.parse(previous);
      return planPage(context, await listsOf(context, lists), cursor);
    },
    work: async (context, batch) => releaseAll(context, Keys.parse(batch.scope).keys),
  };
}

/** What is to be listed is looked up once. */
async function listsOf(context: Context, lists: Lists): Promise<ResourceRef[]> {
  const known = z.array(Resource).safeParse(context.notes["resources"]);
  if (known.success) return known.data;
  const { resources, unread } = await lists(context);
  await context.record({
    resources: resources.map(({ apiVersion, plural }) => ({ apiVersion, plural })),
    unread: unread.slice(0, NAMED),
  });
  return resources;
}

async function planPage(
  context: Context,
  resources: readonly ResourceRef[],
  { resource, continueToken }: z.infer<typeof Cursor>,
): Promise<SweepPlan> {
  const ref = resources[resource];
  if (ref === undefined) return { batches: [], done: true };
  const page = await ownedPage(sendFor(context), ref, continueToken);
  if (page.unread !== undefined) await noteUnread(context, `${page.unread.subject}: ${page.unread.reason}`);
  const keys = await keepOwned(context, page.records);
  const next = page.continueToken;
  const cursor = next === undefined ? { resource: resource + 1 } : { resource, continueToken: next };
  return { batches: batchesOf(keys, context.options.batchSize), cursor };
}

function batchesOf(keys: readonly string[], size: number): { scope: { keys: string[] }; size: number }[] {
  const count = Math.ceil(keys.length / size);
  return Array.from({ length: count }, (_, index) => {
    const some = keys.slice(index * size, (index + 1) * size);
    return { scope: { keys: some }, size: some.length };
  });
}

async function noteUnread(context: Context, reason: string): Promise<void> {
  const { unread } = context.notes;
  const known = Array.isArray(unread) ? unread.map(String) : [];
  if (known.length < NAMED) await context.record({ unread: [...known, reason] });
}

async function foundResources(context: Context): Promise<ResourceRef[]> {
  const found = new Map<string, ResourceRef>();
  for await (const page of ledgerPages(foreignOwners(context), { rank: OWNERS_RANK, limit: 1000 }))
    for (const row of page) {
      const { apiVersion, plural } = ownerDetail(row);
      found.set(`${apiVersion}/${plural}`, { apiVersion, plural });
    }
  return [...found.values()];
}

async function releaseAll(context: Context, keys: readonly string[]): Promise<BatchOutcome> {
  const rows = await foreignOwners(context).get(keys.map((key) => ({ rank: OWNERS_RANK, key })));
  const pending = rows.filter(({ state }) => state === "pending");
  const released = await settleAll(context, pending, (row) => releaseOne(context, ownerDetail(row)));
  return { done: true, counts: { released } };
}

async function releaseOne(context: Context, detail: OwnerDetail): Promise<Checkpoint> {
  let present = detail;
  for (let tries = 1; ; tries++) {
    const result = await release(sendFor(context), present, writeOptions(context));
    if (result.outcome !== "changed")
      return ownerRow(present, result.outcome === "gone" ? "reverted" : "applied");
    if (tries >= TRIES) throw unsettled(present);
    present = { ...present, ...result.record };
    await foreignOwners(context).put([ownerRow(present, "pending")]);
  }
}

function unsettled({ plural, namespace = "", name }: OwnerDetail): MigratorError {
  const path = namespace === "" ? name : `${namespace}/${name}`;
  return new MigratorError("OWNERS_UNSETTLED", `owner references of ${plural} ${path} change all the time`, {
    next: "See who sets them (kubectl get -o yaml --show-managed-fields), stop that, then `resume`.",
    retryable: true,
  });
}

/** Works on rows side by side. What could be done is recorded, also when some could not; then the first failure is thrown. */
async function settleAll(
  context: Context,
  rows: readonly Checkpoint[],
  act: (row: Checkpoint) => Promise<Checkpoint>,
): Promise<number> {
  const results = await Promise.allSettled(rows.map(act));
  const settled = results.filter((result) => result.status === "fulfilled").map(({ value }) => value);
  await foreignOwners(context).put(settled);
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return settled.length;
}

/** A sweep over what the ledger has in some states. */
export function overRows(about: {
  name: string;
  title: string;
  states: readonly Checkpoint["state"][];
  changesCluster?: boolean;
  undo?: readonly Stage[];
  act: (context: Context, row: Checkpoint) => Promise<Checkpoint>;
}): Stage {
  const { act, states, ...traits } = about;
  return {
    kind: "sweep",
    ...traits,
    plan: async (context, previous) => {
      const after = typeof previous === "string" ? { after: { rank: OWNERS_RANK, key: previous } } : {};
      const limit = context.options.batchSize;
      const page = await foreignOwners(context).list({ rank: OWNERS_RANK, states, limit, ...after });
      const span = spanOf(page);
      if (span === undefined) return { batches: [], done: true };
      return { batches: [{ scope: { ...span }, size: page.length }], cursor: span.to };
    },
    work: async (context, batch) => {
      const query = { states, limit: batch.size };
      const rows = await rowsInRange(foreignOwners(context), Range.parse(batch.scope), query);
      const wanted = rows.filter(({ state }) => states.includes(state));
      return {
        done: true,
        counts: { objects: await settleAll(context, wanted, (row) => act(context, row)) },
      };
    },
  };
}

/** How the object of a row is written. */
export function writeOptions(context: Context): { fieldManager: string; timeoutMs: number } {
  return { fieldManager: fieldManager(context), timeoutMs: WRITE_TIMEOUT_MS };
}
