import { randomUUID } from "node:crypto";
import { holderName, openEmbedded } from "../../../shared/adapters/embedded/index.ts";
import { SystemClock } from "../../../shared/adapters/system-clock.ts";
import { targetId } from "../../../shared/calico/target.ts";
import type { Checkpoint } from "../../../shared/engine/records.ts";
import { seedCalico } from "../../harness/seed.ts";
import { carriedOf } from "../ceiling/writes.ts";
import { perSecond } from "../report/statistics.ts";

/** As many as a batch of a migration holds. */
const GROUP = 200;
const SINGLES = 500;
const LEDGER = "resources";
const LEASE_MS = 600_000;

/** How many checkpoints the store takes, without anything else to do. */
export interface StoreSpeed {
  addedPerSecond: number;
  changedPerSecond: number;
  singlePerSecond: number;
}

/** Writes the checkpoints of a migration of `resources` resources to a new store at `path`. */
export async function storeSpeed(path: string, resources: number): Promise<StoreSpeed> {
  const rows = checkpoints(resources);
  const embedded = openEmbedded(path, { clock: new SystemClock() });
  const { store } = embedded;
  try {
    const lease = await store.acquireLease("bench", holderName(), LEASE_MS);
    if (lease === undefined) throw new Error("the store is in use");
    const put = (group: readonly Checkpoint[]) => store.putCheckpoints("bench", LEDGER, group, lease);
    const changed = rows.map((row): Checkpoint => ({ ...row, state: "applied", targetUid: randomUUID() }));
    return {
      addedPerSecond: await speedOf(groups(rows, GROUP), put),
      changedPerSecond: await speedOf(groups(changed, GROUP), put),
      singlePerSecond: await speedOf(groups(rows.slice(0, SINGLES), 1), put),
    };
  } finally {
    embedded.close();
  }
}

async function speedOf(
  batches: readonly Checkpoint[][],
  put: (group: readonly Checkpoint[]) => Promise<unknown>,
): Promise<number> {
  const startedAt = performance.now();
  for (const batch of batches) await put(batch);
  return perSecond(batches.flat().length, performance.now() - startedAt);
}

function groups<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  );
}

function checkpoints(resources: number): Checkpoint[] {
  return carriedOf([...seedCalico({ resources }).entries()]).map(
    ({ key, kind, rank, target, sourceHash }) => ({
      rank,
      key,
      state: "pending",
      target: targetId(target),
      sourceRevision: 1,
      sourceHash,
      detail: { kind, ...(target.namespace === undefined ? {} : { namespace: target.namespace }) },
    }),
  );
}
