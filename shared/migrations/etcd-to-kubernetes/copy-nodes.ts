import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { objectAt, textAt } from "../../kubernetes/fields.ts";
import { type Context, resources } from "./context.ts";
import { appliedCheckpoint } from "../copying/task.ts";
import { type Copy, sourceOf } from "./copy-task.ts";
import { detailOf, withDetail } from "../copying/ledger-detail.ts";
import { NODE_FIELD_MANAGER } from "../target/ownership.ts";
import { callOverConflicts, readTarget, WRITE_TIMEOUT_MS } from "../target/calls.ts";

/** A write to a Node whose present annotations are recorded. */
export interface NodeWrite {
  copy: Copy;
  write: () => Promise<Checkpoint>;
}

/**
 * Prepares writing Calico's annotations to Kubernetes Nodes: reads the Nodes and records what the annotations were
 * before the first write of this run, so that they can be put back; the writes themselves are then safe to repeat.
 */
export async function copyNodes(context: Context, copies: readonly Copy[]): Promise<NodeWrite[]> {
  if (copies.length === 0) return [];
  const intended = await Promise.all(copies.map((copy) => intend(context, copy)));
  await resources(context).put(intended.map(({ checkpoint }) => checkpoint));
  return intended.map((copy) => ({ copy, write: () => annotate(context, copy) }));
}

async function intend(context: Context, copy: Copy): Promise<Copy> {
  if (detailOf(copy.checkpoint).before !== undefined) return copy;
  const node = await readTarget(context, copy.carried.target);
  if (node === undefined) return copy;
  const before = managedAnnotations(annotationsOf(node), copy.carried.object);
  return { ...copy, checkpoint: withDetail(copy.checkpoint, { before }) };
}

/** The present values of the annotations that `object` manages, null for those that are absent. */
function managedAnnotations(present: JsonObject, object: JsonObject): JsonObject {
  const managed = Object.keys(annotationsOf(object));
  return Object.fromEntries(managed.map((key) => [key, present[key] ?? null]));
}

function annotationsOf(object: JsonObject): JsonObject {
  return objectAt(object, "metadata", "annotations");
}

async function annotate(context: Context, copy: Copy): Promise<Checkpoint> {
  const written = await patchNode(context, copy, annotationsOf(copy.carried.object));
  return appliedCheckpoint({ ...copy, source: sourceOf(copy) }, textAt(written, "metadata", "uid"), false);
}

/** Sets annotations of a Node through its status subresource, as calico-node itself does; null removes one. */
function patchNode(context: Context, copy: Copy, annotations: JsonObject): Promise<JsonObject> {
  return callOverConflicts(context, () =>
    context.connections.kubernetes.patch(
      copy.carried.target,
      { metadata: { annotations } },
      {
        type: "merge",
        subresource: "status",
        fieldManager: NODE_FIELD_MANAGER,
        timeoutMs: WRITE_TIMEOUT_MS,
      },
    ),
  );
}
