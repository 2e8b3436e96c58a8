import { z } from "zod";

const Counts = z.record(z.string(), z.int());

/** What reading all resources gave; small, whatever the cluster's size. Names are in the ledgers. */
export const Inventory = z.object({
  /** How many resources are carried, by kind. */
  byKind: Counts,
  /** How many keys need nothing: recomputed in the Kubernetes datastore, or of no use after the switch. */
  derived: z.int(),
  housekeeping: z.int(),
  /** How many resources need consent, by subject. */
  consents: Counts,
  /** How many resources block, by code. */
  blockers: Counts,
  /** How many resources are spelt in another way in the target, with the same meaning. */
  respelled: z.int().default(0),
  /** Names that others refer to, and the references; each name once. */
  tiers: z.array(z.string()),
  tiersUsed: z.array(z.string()),
  filters: z.array(z.string()),
  filtersUsed: z.array(z.string()),
  /** By kind, paths of resources that the target's CRD has no field for. */
  missingFields: z.record(z.string(), z.array(z.string())).default({}),
});
export type Inventory = z.infer<typeof Inventory>;

/** An inventory before anything was read. */
export function emptyInventory(): Inventory {
  const names = { tiers: [], tiersUsed: [], filters: [], filtersUsed: [] };
  return {
    byKind: {},
    derived: 0,
    housekeeping: 0,
    consents: {},
    blockers: {},
    respelled: 0,
    ...names,
    missingFields: {},
  };
}

/** Adds one to a count. */
export function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

/** Adds names that are not there yet. */
export function addNames(names: string[], more: readonly unknown[]): void {
  for (const name of more) if (typeof name === "string" && !names.includes(name)) names.push(name);
}
