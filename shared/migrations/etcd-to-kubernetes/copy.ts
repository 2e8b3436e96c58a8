import type { ForwardContext } from "../../calico/forwarded.ts";
import { forward } from "../../calico/forward.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { EtcdKeyValue } from "../../etcd/types.ts";
import { copyEach } from "../copying/copy-each.ts";
import { hasMoved } from "../copying/unsettled.ts";
import { createOrRecognise, replaceCopied } from "../copying/write-object.ts";
import type { Context } from "./context.ts";
import { copyNodes } from "./copy-nodes.ts";
import { type Copy, taskOf } from "./copy-task.ts";
import { isLeftOut, withDetail } from "../copying/ledger-detail.ts";

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
  const done = prepared.filter((one): one is Checkpoint => !("carried" in one));
  const nodes = copies.filter(({ carried }) => carried.kind === "Node");
  const others = copies.filter(({ carried }) => carried.kind !== "Node");
  const write = mode === "create" ? createOrRecognise : replaceCopied;
  const writes = [
    ...others.map((copy) => ({
      checkpoint: copy.checkpoint,
      write: () => write(context, taskOf(context, copy)),
    })),
    ...(await copyNodes(context, nodes)).map((node) => ({
      checkpoint: node.copy.checkpoint,
      write: node.write,
    })),
  ];
  return copyEach(context, writes, done);
}

function prepare(
  checkpoint: Checkpoint,
  source: EtcdKeyValue | undefined,
  conversion: ForwardContext,
): Copy | Checkpoint {
  if (source === undefined) return withDetail({ ...checkpoint, state: "reverted" }, { gone: true });
  if (isLeftOut(checkpoint)) return { ...checkpoint, sourceRevision: source.modRevision };
  const forwarded = forward(source.key, source.value, conversion);
  if (forwarded.outcome === "carry")
    return { checkpoint, source, carried: forwarded, targetGroup: conversion.targetGroup };
  const reason = `it can no longer be carried: ${forwarded.reason}`;
  return withDetail({ ...checkpoint, state: "failed" }, { code: "NO_LONGER_CARRIABLE", reason });
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
  const moved = prepared.map((one) =>
    "carried" in one ? hasMoved(context, taskOf(context, one)) : Promise.resolve(true),
  );
  return (await Promise.all(moved)).includes(true);
}
