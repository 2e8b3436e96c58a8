import type { Context } from "../options.ts";
import { exactHash } from "../objects.ts";
import { Owners } from "../owners.ts";
import { putItems } from "../put-items.ts";
import type { Item } from "../side.ts";
import { wholeSweep } from "./item-sweep.ts";

/** Gives objects their owners, by the UIDs that these have now that all are there. */
export const restoreOwners = wholeSweep(
  {
    name: "restore-owners",
    title: "give objects their owners, by the UIDs that these have now",
    changesCluster: true,
  },
  async (context, items) => {
    const owned = await ownedItems(context, items);
    return owned.length === 0 ? {} : putItems(context, owned, (item, found) => exactOf(item) === found.exact);
  },
);

/** Those of the items that have owners, with the owners of now. */
export async function ownedItems(context: Context, items: readonly Item[]): Promise<Item[]> {
  const owners = new Owners(context);
  const owned: Item[] = [];
  for (const item of items) {
    const line = "object" in item.line ? await owners.present(item.line) : undefined;
    if (line !== undefined) owned.push({ ...item, line, withOwners: true });
  }
  return owned;
}

/** What an item with its owners means. */
export function exactOf({ line }: Item): string {
  return "object" in line ? exactHash(line.ref, line.object) : "";
}
