import { z } from "zod";
import type { Sweep } from "../../../engine/migration.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import type { ClusterConnections } from "../../connections.ts";
import { fieldManager } from "../../context.ts";
import { detailOf, withDetail } from "../../copying/ledger-detail.ts";
import { readTarget, WRITE_TIMEOUT_MS } from "../../target/calls.ts";
import { removeTarget } from "../../target/remove.ts";
import { isCopied } from "../copied.ts";
import { type Context, nativeVersion, resources, sendFor } from "../context.ts";
import { throughNative } from "../native-access.ts";
import { definedOf, nativeCrdNames } from "../native-definitions.ts";
import { nativeDetailOf } from "../native-detail.ts";
import { nativeRefOf } from "../native-ref.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { owned, ownedRow } from "../owned.ts";
import { ownerMap, ownersThere, type PlacedReference } from "../owner-map.ts";
import { restoreOwners as putBack } from "../owners/release.ts";
import type { OwnerOf } from "../owners/references.ts";
import { keepNativeWrites } from "../undo/native-writes.ts";
import { patientSweep } from "../undo/patience.ts";

const Id = z.object({ rank: z.int(), key: z.string() });
const Scope = z.object({ ids: z.array(Id) });

type Stage = Sweep<ClusterConnections, ApiserverToCrdsOptions>;

/**
 * What was there before this run must not depend on what it has created: once that is deleted, the garbage collector would
 * delete it as well. Only once the native group is locked: what somebody has made of it since the unlock goes with that, and is
 * among what people are asked for.
 */
export const putFoundBack: Stage = patientSweep(
  throughNative(
    overOwned({
      name: "put-found-native-back",
      title: "put native objects that were there before this run back as they were",
      begin: async (context) => {
        const defined = new Set(await definedOf(context, nativeCrdNames()));
        await keepNativeWrites(context, await nativeVersion(context), defined);
      },
      work: async (context, rows) => {
        const version = await nativeVersion(context);
        const before = rows.filter((row) => detailOf(row).before !== undefined);
        await Promise.all(before.map((row) => removeTarget(context, row, nativeRefOf(row, version))));
        return { putBack: before.length };
      },
    }),
    () => Promise.resolve(true),
  ),
);

/** Where runs of older versions did that. Batches that are open there are worked on. */
const takeOwnersOff: Stage = {
  ...putFoundBack,
  name: "take-owners-off",
  title: "leave native objects that were there before this run until the native group is locked",
  plan: () => Promise.resolve({ batches: [], done: true }),
};

/** Gives native objects their Calico owners, by the UIDs that these have now: only the aggregated API knew the old ones. */
export const restoreOwners: Stage = throughNative(
  overOwned({
    name: "restore-owners",
    title: "give native objects their Calico owners by native UIDs",
    changesCluster: true,
    undo: [takeOwnersOff],
    work: giveOwners,
  }),
);

/** A sweep over the objects that have, or had, Calico owners; their number alone says how long it takes. */
function overOwned(about: {
  name: string;
  title: string;
  changesCluster?: boolean;
  undo?: readonly Stage[];
  /** Before the first of them. */
  begin?: (context: Context) => Promise<void>;
  work: (context: Context, rows: readonly Checkpoint[]) => Promise<Record<string, number>>;
}): Stage {
  const { begin, work, ...traits } = about;
  return {
    kind: "sweep",
    ...traits,
    plan: async (context, previous) => {
      const after = previous === undefined ? {} : { after: Id.parse(previous) };
      const page = await owned(context).list({ ...after, limit: context.options.batchSize });
      const ids = page.map(({ rank, key }) => ({ rank, key }));
      const last = ids.at(-1);
      if (last === undefined) return { batches: [], done: true };
      if (previous === undefined) await begin?.(context);
      return { batches: [{ scope: { ids }, size: ids.length }], cursor: last };
    },
    work: async (context, batch) => {
      const rows = await resources(context).get(Scope.parse(batch.scope).ids);
      return { done: true, counts: await work(context, rows.filter(takesOwners)) };
    },
  };
}

/** Objects that a person has decided to leave as they are keep the owners that they have. */
function takesOwners(row: Checkpoint): boolean {
  return isCopied(row) && detailOf(row).resolved !== "target" && nativeDetailOf(row).owners !== undefined;
}

async function giveOwners(context: Context, rows: readonly Checkpoint[]): Promise<Record<string, number>> {
  const ownerOf = await ownerMap(context, rows.flatMap(placedOwners));
  const version = await nativeVersion(context);
  await keepFound(context, version, rows);
  const given = await Promise.all(rows.map((row) => giveOwner(context, ownerOf, { row, version })));
  await owned(context).put(given);
  return { owned: rows.length, ownersMissing: given.filter(({ state }) => state === "failed").length };
}

/** An object that was there before this run is changed from here on: so it is kept, for undoing, as it was. */
async function keepFound(context: Context, version: string, rows: readonly Checkpoint[]): Promise<void> {
  const others = rows.filter((row) => detailOf(row).created !== true && detailOf(row).before === undefined);
  const found = await Promise.all(
    others.map(async (row) => ({ row, before: await readTarget(context, nativeRefOf(row, version)) })),
  );
  const kept = found.flatMap(({ row, before }) =>
    before === undefined ? [] : [withDetail(row, { before })],
  );
  await resources(context).put(kept);
}

function placedOwners(row: Checkpoint): PlacedReference[] {
  const { owners = [], namespace } = nativeDetailOf(row);
  return owners.map((reference) => ({ reference, namespace }));
}

async function giveOwner(
  context: Context,
  ownerOf: OwnerOf,
  { row, version }: { row: Checkpoint; version: string },
): Promise<Checkpoint> {
  const options = { fieldManager: fieldManager(context), timeoutMs: WRITE_TIMEOUT_MS };
  const owners = { now: () => ownersThere(context, version, placedOwners(row), ownerOf) };
  const result = await putBack(sendFor(context), recordOf(row, version), owners, options);
  const missing = result.outcome === "gone" ? [] : result.missing.map(({ kind, name }) => `${kind} ${name}`);
  return ownedRow(row, missing.length === 0 ? "applied" : "failed", missing);
}

function recordOf(row: Checkpoint, version: string): Parameters<typeof putBack>[1] {
  const { owners = [] } = nativeDetailOf(row);
  const references = owners.map((reference, at) => ({ at, reference }));
  const { namespace, ...ref } = nativeRefOf(row, version);
  return { ...ref, ...(namespace === undefined ? {} : { namespace }), uid: row.targetUid ?? "", references };
}
