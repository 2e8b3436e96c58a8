import type { ForwardContext } from "../../calico/forwarded.ts";
import { forward } from "../../calico/forward.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { LeaseLostError } from "../../engine/errors.ts";
import { errorMessage, isRetryable } from "../../errors.ts";
import type { EtcdKeyValue } from "../../etcd/types.ts";
import { KubernetesApiError } from "../../kubernetes/errors.ts";
import { type Context, resources } from "./context.ts";
import { copyNodes } from "./copy-nodes.ts";
import { createOrRecognise, replaceCopied } from "./copy-object.ts";
import type { Copy } from "./copy-outcome.ts";
import { isLeftOut, withDetail } from "./ledger-detail.ts";

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
  const results = await Promise.allSettled([
    ...others.map((copy) => recordingRefusals(context, copy, () => write(context, copy))),
    ...(await copyNodes(context, nodes)).map((node) => recordingRefusals(context, node.copy, node.write)),
  ]);
  const outcomes = [...done, ...results.filter((r) => r.status === "fulfilled").map((r) => r.value)];
  await resources(context).put(outcomes);
  const failed = results.find((result) => result.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return tally(outcomes);
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

async function recordingRefusals(
  context: Context,
  copy: Copy,
  write: () => Promise<Checkpoint>,
): Promise<Checkpoint> {
  try {
    return await write();
  } catch (error) {
    if (context.signal.aborted || isRetryable(error) || error instanceof LeaseLostError) throw error;
    if (!(error instanceof KubernetesApiError)) throw error;
    return withDetail(
      { ...copy.checkpoint, state: "failed" },
      { code: error.code, reason: errorMessage(error) },
    );
  }
}

function tally(checkpoints: readonly Checkpoint[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { state } of checkpoints) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}
