import type { ForwardContext } from "../../calico/forwarded.ts";
import { forward } from "../../calico/forward.ts";
import type { TargetGroup } from "../../calico/kinds.ts";
import { targetId } from "../../calico/target.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { EtcdKeyValue } from "../../etcd/types.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { copyEach } from "../copying/copy-each.ts";
import { hasMoved } from "../copying/unsettled.ts";
import { createOrRecognise, replaceCopied } from "../copying/write-object.ts";
import type { Context } from "./context.ts";
import { copyNodes } from "./copy-nodes.ts";
import { type Copy, taskOf } from "./copy-task.ts";
import { goneCheckpoint, isLeftOut, withDetail } from "../copying/ledger-detail.ts";
import { removeTarget } from "../target/remove.ts";
import { HOME_MISSING } from "./homes.ts";
import { leaveBehind } from "./left-behind.ts";
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
  pairs: readonly { checkpoint: Checkpoint; source: EtcdKeyValue | undefined }[],
): Promise<Record<string, number>> {
  const prepared = pairs.map(({ checkpoint, source }) => prepare(checkpoint, source, conversion));
  const copies = prepared.filter((one) => "carried" in one);
  const gone = prepared.filter((one) => "gone" in one);
  const done = prepared.flatMap((one) => ("done" in one ? [one.done] : []));
  const nodes = copies.filter(({ carried }) => carried.kind === "Node");
  const others = copies.filter(({ carried }) => carried.kind !== "Node");
  const write = mode === "create" ? createOrRecognise : replaceCopied;
  const writes = [
    ...gone.map((one) => ({
      checkpoint: one.gone,
      write: () => takeAway(context, one.gone, conversion.targetGroup),
    })),
    ...others.map((copy) => ({
      checkpoint: copy.checkpoint,
      write: homing(context, mode, copy, async () => write(context, await taskOf(context, copy))),
    })),
    ...(await copyNodes(context, nodes)).map((node) => ({
      checkpoint: node.copy.checkpoint,
      write: homing(context, mode, node.copy, node.write),
    })),
  ];
  return copyEach(context, writes, done);
}

/** A resource whose namespace or node has gone since it was looked at is left behind: nothing is lost that a person is not asked about. */
function homing(
  context: Context,
  mode: CopyMode,
  copy: Copy,
  write: () => Promise<Checkpoint>,
): () => Promise<Checkpoint> {
  return async () => {
    try {
      return await write();
    } catch (error) {
      if (![...HOME_MISSING].some((code) => isKubernetesError(error, code))) throw error;
      const left = await leaveBehind(context, copy, mode === "create" ? "before-lock" : "late");
      if (left === undefined) throw error;
      return left;
    }
  };
}

/** What is to be done about a resource: copy it, take its copy away, or nothing more than to record it. */
type Prepared = Copy | { gone: Checkpoint } | { done: Checkpoint };

function prepare(
  checkpoint: Checkpoint,
  source: EtcdKeyValue | undefined,
  conversion: ForwardContext,
): Prepared {
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
  pairs: readonly { checkpoint: Checkpoint; source: EtcdKeyValue | undefined }[],
): Promise<boolean> {
  const prepared = pairs.map(({ checkpoint, source }) => prepare(checkpoint, source, conversion));
  const moved = prepared.map(
    async (one) => !("carried" in one) || hasMoved(context, await taskOf(context, one)),
  );
  return (await Promise.all(moved)).includes(true);
}
