import { ledgerPages } from "../../../engine/ledger.ts";
import type { Sweep } from "../../../engine/migration.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import type { ClusterConnections } from "../../connections.ts";
import { type Context, foreignOwners, sendFor } from "../context.ts";
import { throughNative } from "../native-access.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { ownerMap, ownersThere } from "../owner-map.ts";
import { type OwnerDetail, ownerDetail, ownerRow, OWNERS_RANK } from "../owner-rows.ts";
import { releaseOwners as release, restoreOwners } from "../owners/release.ts";
import { patientSweep } from "../undo/patience.ts";
import { overRows, writeOptions } from "./release-owners.ts";

const TRIES = 5;
const PAGE = 500;

/** Before the aggregated API server is put back, which does not know native UIDs. */
const releaseAgain = patientSweep(
  overRows({
    name: "release-owners-again",
    title: "take references to native objects off other objects",
    states: ["applied", "verified"],
    act: releaseRow,
  }),
);

/**
 * Takes off what `release-owners-again` could not in its time. The aggregated API server does not know native UIDs, so the
 * garbage collector would delete these objects once it serves again. Throws what the API server says.
 */
export async function releaseLeft(context: Context): Promise<void> {
  const states = ["applied", "verified"] as const;
  for await (const page of ledgerPages(foreignOwners(context), { rank: OWNERS_RANK, states, limit: PAGE })) {
    const left = page.filter((row) => ownerDetail(row).restored !== undefined);
    for (const row of left) await foreignOwners(context).put([await releaseRow(context, row)]);
  }
}

async function releaseRow(context: Context, row: Checkpoint): Promise<Checkpoint> {
  const { restored, ...detail } = ownerDetail(row);
  if (restored !== undefined) await releaseRestored(context, { ...detail, references: restored });
  return ownerRow(detail, "applied");
}

/**
 * Gives objects that are not Calico's their references to Calico objects back, now to the native ones, and only once
 * projectcalico.org/v3 shows these: proved of each owner right before each write. A reference whose owner this run has not copied, or that
 * is not there any more, stays off; `missing` in the row says which.
 */
export const restoreForeignOwners: Sweep<ClusterConnections, ApiserverToCrdsOptions> = throughNative(
  overRows({
    name: "restore-foreign-owners",
    title: "put references to Calico objects back, with the UIDs of the native objects",
    states: ["pending", "applied"],
    changesCluster: true,
    undo: [releaseAgain],
    act: restoreOne,
  }),
);

async function restoreOne(context: Context, row: Checkpoint): Promise<Checkpoint> {
  const detail = ownerDetail(row);
  const { namespace } = detail;
  const placed = detail.references.map(({ reference }) => ({ reference, namespace }));
  const ownerOf = await ownerMap(context, placed);
  const restored = detail.references.flatMap(({ at, reference }) => {
    const owner = ownerOf(reference);
    return owner === undefined ? [] : [{ at, reference: { ...reference, ...owner } }];
  });
  const intended: OwnerDetail = { ...detail, restored };
  await foreignOwners(context).put([ownerRow(intended, "applied")]);
  const owners = { now: () => ownersThere(context, "projectcalico.org/v3", placed, ownerOf) };
  const result = await restoreOwners(sendFor(context), detail, owners, writeOptions(context));
  if (result.outcome === "gone") return ownerRow(intended, "reverted");
  const after = ownerRow(intended, "verified");
  return {
    ...after,
    detail: { ...after.detail, missing: result.missing.map(({ kind, name }) => `${kind} ${name}`) },
  };
}

/** Also what somebody has added since, as it names a native object as well. */
async function releaseRestored(context: Context, detail: OwnerDetail): Promise<void> {
  let record = detail;
  for (let tries = 1; tries <= TRIES; tries++) {
    const result = await release(sendFor(context), record, writeOptions(context));
    if (result.outcome !== "changed") return;
    record = { ...record, ...result.record };
  }
}
