import type { Checkpoint, TargetCollision } from "../../../engine/records.ts";
import { checkpointIdOf, checkpointSortKey } from "./keys.ts";

/** What is stored of the checkpoints and targets that a plan is about. Checkpoints go by their sort keys. */
export interface Known {
  /** The targets of the checkpoints that are there. */
  targets: ReadonlyMap<string, string>;
  /** Which checkpoints have the targets, as far as these are taken. */
  owners: ReadonlyMap<string, string>;
}

/** A target that changes hands; absent means that nobody has it. */
export interface Transfer {
  target: string;
  from?: string;
  to?: string;
}

/** What one transaction writes, and what it leaves out. */
export interface Plan {
  /** How many of the given checkpoints, from the first on, it deals with. */
  taken: number;
  puts: Checkpoint[];
  transfers: Transfer[];
  collisions: TargetCollision[];
}

/** How much a plan may come to. */
export interface Budget {
  actions: number;
  bytes: number;
  sizeOf: (checkpoint: Checkpoint) => number;
}

/**
 * Goes through checkpoints in their order, as if each were written by itself, and sums up what that comes to: a
 * checkpoint that is given twice is written once, a target that goes from one to another is written once. Takes as many
 * as the budget allows, at least one.
 */
export function planCheckpoints(checkpoints: readonly Checkpoint[], known: Known, budget: Budget): Plan {
  const targets = new Map(known.targets);
  const owners = new Map(known.owners);
  const puts = new Map<string, Checkpoint>();
  const collisions: TargetCollision[] = [];
  let [taken, actions, bytes] = [0, 0, 0];
  for (const checkpoint of checkpoints) {
    const id = checkpointSortKey(checkpoint);
    const { target, key } = checkpoint;
    const owner = owners.get(target);
    if (owner !== undefined && owner !== id) {
      collisions.push({ target, key, existingKey: checkpointIdOf(owner).key });
      taken += 1;
      continue;
    }
    const present = targets.get(id);
    actions += costOf(present, target);
    bytes += budget.sizeOf(checkpoint);
    if (taken > 0 && (actions > budget.actions || bytes > budget.bytes)) break;
    if (present !== undefined) owners.delete(present);
    owners.set(target, id);
    targets.set(id, target);
    puts.set(id, checkpoint);
    taken += 1;
  }
  return { taken, puts: [...puts.values()], transfers: transfersOf(known.owners, owners), collisions };
}

/** The checkpoint itself, its new target, and its old one. */
function costOf(present: string | undefined, target: string): number {
  if (present === target) return 1;
  return present === undefined ? 2 : 3;
}

function transfersOf(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): Transfer[] {
  const targets = new Set([...before.keys(), ...after.keys()]);
  return [...targets].flatMap((target) => {
    const [from, to] = [before.get(target), after.get(target)];
    if (from === to) return [];
    return [{ target, ...(from === undefined ? {} : { from }), ...(to === undefined ? {} : { to }) }];
  });
}
