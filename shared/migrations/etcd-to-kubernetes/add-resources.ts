import type { Checkpoint, TargetCollision } from "../../engine/records.ts";
import { type Context, resources } from "./context.ts";
import { detailOf, goneCheckpoint } from "../copying/ledger-detail.ts";

/**
 * Adds checkpoints of new resources. One whose target belongs to a resource that is gone from the source takes the
 * target over, with what is known of the object there: a policy that was renamed from `default.foo` to `foo`.
 *
 * @param revision - the revision at which the source is asked; now without it
 * @returns the checkpoints as added, and those whose target another resource of the source has.
 */
export async function addResources(
  context: Context,
  fresh: readonly Checkpoint[],
  revision?: number,
): Promise<{ added: Checkpoint[]; refused: TargetCollision[] }> {
  const collisions = await resources(context).put(fresh);
  if (collisions.length === 0) return { added: [...fresh], refused: [] };
  const sources = await context.connections.etcd().getMany(
    collisions.map(({ existingKey }) => existingKey),
    revision,
  );
  const free = collisions.filter(({ existingKey }) => !sources.has(existingKey));
  const taken = await takeOver(context, fresh, free);
  const refused = [...collisions.filter((one) => !free.includes(one)), ...taken.refused];
  const lost = new Set(collisions.map(({ key }) => key));
  return { added: [...fresh.filter(({ key }) => !lost.has(key)), ...taken.added], refused };
}

async function takeOver(
  context: Context,
  fresh: readonly Checkpoint[],
  free: readonly TargetCollision[],
): Promise<{ added: Checkpoint[]; refused: TargetCollision[] }> {
  const owners = await resources(context).findByTarget(free.map(({ target }) => target));
  const heirs = free.flatMap(({ key, target }) => {
    const own = fresh.find((one) => one.key === key);
    const owner = owners.find((one) => one.target === target);
    return own === undefined || owner === undefined ? [] : [{ owner, heir: inheriting(own, owner) }];
  });
  const refused = await resources(context).put([...owners.map(retired), ...heirs.map(({ heir }) => heir)]);
  const unlucky = new Set(refused.map(({ key }) => key));
  return { added: heirs.map(({ heir }) => heir).filter(({ key }) => !unlucky.has(key)), refused };
}

/** Of a resource that was reverted only what was there before counts: its object is no more, or no longer this run's. */
function inheriting(own: Checkpoint, owner: Checkpoint): Checkpoint {
  const { created, before } = detailOf(owner);
  if (owner.state === "reverted")
    return before === undefined ? own : { ...own, detail: { ...own.detail, before } };
  return {
    ...own,
    ...(owner.targetUid === undefined ? {} : { targetUid: owner.targetUid }),
    detail: {
      ...own.detail,
      ...(created === undefined ? {} : { created }),
      ...(before === undefined ? {} : { before }),
    },
  };
}

/** Of resources that an earlier reading has added, nothing was written yet: what is not carried any more has no target. */
export async function retireAll(context: Context, rows: readonly Checkpoint[]): Promise<void> {
  await resources(context).put(rows.filter(({ state }) => state !== "reverted").map(retired));
}

/** Its target is another's from now on, and with it what was there before. */
function retired(owner: Checkpoint): Checkpoint {
  const { detail, ...gone } = goneCheckpoint(owner);
  const { before: _others, ...rest } = detail;
  return { ...gone, target: owner.key, detail: rest };
}
