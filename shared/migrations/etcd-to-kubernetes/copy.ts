import type { ForwardContext } from "../../calico/forwarded.ts";
import { forward } from "../../calico/forward.ts";
import type { TargetGroup } from "../../calico/kinds.ts";
import { targetId } from "../../calico/target.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { copyEach } from "../copying/copy-each.ts";
import { hasMoved } from "../copying/unsettled.ts";
import { createOrRecognise, replaceCopied } from "../copying/write-object.ts";
import type { Context } from "./context.ts";
import { copyNodes } from "./copy-nodes.ts";
import { type Copy, taskOf } from "./copy-task.ts";
import { detailOf, goneCheckpoint, isLeftOut, withDetail } from "../copying/ledger-detail.ts";
import { removeTarget } from "../target/remove.ts";
import { HOME_MISSING } from "./homes.ts";
import { leaveBehind } from "./left-behind.ts";
import type { SourcedCheckpoint } from "./source.ts";
import { refOf } from "./target-refs.ts";

/** How a resource is written: created first (the bulk), or replaced where it was copied before (what changed since). */
export type CopyMode = "create" | "replace";

/**
 * Copies resources to the target and records the outcome of each. A refusal of the API server is recorded as `failed`,
 * an object of somebody else as `conflict`, unless a person has decided about it; what may succeed later leaves the checkpoint as it was and is thrown once
 * all others are recorded.
 *
 * @returns how many ended in which state.
 */
export async function copyAll(
  context: Context,
  mode: CopyMode,
  conversion: ForwardContext,
  pairs: readonly SourcedCheckpoint[],
): Promise<Record<string, number>> {
  const isNode = ({ checkpoint }: SourcedCheckpoint): boolean => detailOf(checkpoint).kind === "Node";
  const nodes = pairs.filter(isNode).map((pair) => ({ ...pair, prepared: prepare(pair, conversion) }));
  const copies = nodes.flatMap(({ prepared }) => ("carried" in prepared ? [prepared] : []));
  const annotations = await copyNodes(context, copies);
  const settling = (prepared: Prepared): Promise<Checkpoint> =>
    "carried" in prepared
      ? copyOne(context, mode, prepared)
      : settleWithoutCopy(context, prepared, conversion.targetGroup);
  return copyEach(context, [
    // Each is converted right before it is written: all at once they would keep the API server waiting.
    ...pairs
      .filter((pair) => !isNode(pair))
      .map((pair) => ({
        checkpoint: pair.checkpoint,
        write: async () => settling(prepare(pair, conversion)),
      })),
    ...nodes
      .filter(({ prepared }) => !("carried" in prepared))
      .map(({ checkpoint, prepared }) => ({ checkpoint, write: () => settling(prepared) })),
    ...annotations.map(({ copy, write }) => ({
      checkpoint: copy.checkpoint,
      write: () => homing(context, mode, copy, write),
    })),
  ]);
}

function copyOne(context: Context, mode: CopyMode, copy: Copy): Promise<Checkpoint> {
  const write = mode === "create" ? createOrRecognise : replaceCopied;
  return homing(context, mode, copy, async () => write(context, await taskOf(context, copy)));
}

async function settleWithoutCopy(
  context: Context,
  prepared: Exclude<Prepared, Copy>,
  targetGroup: TargetGroup,
): Promise<Checkpoint> {
  return "done" in prepared ? prepared.done : takeAway(context, prepared.gone, targetGroup);
}

/** A resource whose namespace or node has gone since it was looked at is left behind: nothing is lost that a person is not asked about. */
async function homing(
  context: Context,
  mode: CopyMode,
  copy: Copy,
  write: () => Promise<Checkpoint>,
): Promise<Checkpoint> {
  try {
    return await write();
  } catch (error) {
    if (![...HOME_MISSING].some((code) => isKubernetesError(error, code))) throw error;
    const left = await leaveBehind(context, copy, mode === "create" ? "before-lock" : "late");
    if (left === undefined) throw error;
    return left;
  }
}

/** What is to be done about a resource: copy it, take its copy away, or nothing more than to record it. */
type Prepared = Copy | { gone: Checkpoint } | { done: Checkpoint };

function prepare({ checkpoint, source }: SourcedCheckpoint, conversion: ForwardContext): Prepared {
  if (source === undefined) return { gone: checkpoint };
  if (isLeftOut(checkpoint)) return { done: { ...checkpoint, sourceRevision: source.modRevision } };
  const forwarded = forward(source.key, source.value, conversion);
  if (forwarded.outcome !== "carry") {
    const reason = `it can no longer be carried: ${forwarded.reason}`;
    return {
      done: withDetail({ ...checkpoint, state: "failed" }, { code: "NO_LONGER_CARRIABLE", reason }),
    };
  }
  // What it was is taken away; what it becomes now has a checkpoint of its own, made while catching up.
  if (targetId(forwarded.target) !== checkpoint.target) return { gone: checkpoint };
  return { checkpoint, source, carried: forwarded, targetGroup: conversion.targetGroup };
}

/**
 * Takes what this run has written for a resource out of the target again, as its source is gone: also what a worker wrote
 * that died before it recorded it.
 */
export async function takeAway(
  context: Context,
  checkpoint: Checkpoint,
  targetGroup: TargetGroup,
): Promise<Checkpoint> {
  if (checkpoint.state !== "reverted")
    await removeTarget(context, checkpoint, refOf(checkpoint, targetGroup));
  return goneCheckpoint(checkpoint);
}

/**
 * True when one of these conflicts is no longer what was recorded, so that trying again may settle it: the object is gone or was
 * edited, or the source was. Only reads.
 */
export async function haveMoved(
  context: Context,
  conversion: ForwardContext,
  pairs: readonly SourcedCheckpoint[],
): Promise<boolean> {
  const prepared = pairs.map((pair) => prepare(pair, conversion));
  const moved = prepared.map(
    async (one) => !("carried" in one) || hasMoved(context, await taskOf(context, one)),
  );
  return (await Promise.all(moved)).includes(true);
}
