import { hash } from "node:crypto";
import { z } from "zod";

/** `digest` tells it from every other list: an approval holds for exactly what was listed. */
const Named = z.object({ count: z.int(), first: z.array(z.string()), digest: z.string() });
const NAMED = 20;

/** What preflight has counted so far. Small: what is listed in full stands in ledgers. */
export const Inventory = z.object({
  /** Items by kind that will be written, and all of them. */
  byKind: z.record(z.string(), z.int()),
  create: z.int(),
  overwrite: z.int(),
  same: z.int(),
  /** Resources that the backup has objects of, as `apiVersion/plural`. */
  resources: z.array(z.string()),
  /** Which ranks a part has items of that are to be written. */
  ranks: z.record(z.string(), z.array(z.int())),
  invalid: Named,
  refused: Named,
  uncarried: Named,
  addresses: Named,
  onlyHere: Named,
  /** What was done in the native group since the backup, and would be hidden. */
  hiddenNatives: Named,
});
export type Inventory = z.infer<typeof Inventory>;
/** The lists of an inventory. */
export type Listed = "invalid" | "refused" | "uncarried" | "addresses" | "onlyHere" | "hiddenNatives";

/** Nothing yet. */
export function emptyInventory(): Inventory {
  const none = (): z.infer<typeof Named> => ({ count: 0, first: [], digest: "" });
  return {
    ...{ byKind: {}, create: 0, overwrite: 0, same: 0, resources: [], ranks: {} },
    ...{ invalid: none(), refused: none(), uncarried: none(), addresses: none(), onlyHere: none() },
    hiddenNatives: none(),
  };
}

/** Counts one of a list; the first are named. `thing` tells it from itself when it has changed. */
export function add(inventory: Inventory, to: Listed, name: string, thing = name): void {
  const list = inventory[to];
  list.count++;
  list.digest = hash("sha256", `${list.digest} ${thing}`, "hex");
  if (list.first.length < NAMED) list.first.push(name);
}
