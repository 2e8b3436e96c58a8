import { putItems } from "../put-items.ts";
import { putBack } from "../undo/put-back.ts";
import { rankedSweep } from "./item-sweep.ts";

/** Puts back, rank by rank, what differs from the backup; what is not in the backup is left alone. */
export const restoreItems = rankedSweep(
  {
    name: "restore",
    title: "put back what differs from the backup: tiers before policies, addresses after both",
    changesCluster: true,
    undo: [putBack],
  },
  (context, items) => putItems(context, items),
);
