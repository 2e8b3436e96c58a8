import { z } from "zod";
import { NodeNames } from "../../calico/node-names.ts";
import type { ArtifactStore } from "../../engine/ports.ts";
import { MigratorError } from "../../errors.ts";
import type { CalicoEtcd } from "../../etcd/types.ts";
import { collectJson, jsonLines } from "../artifact-lines.ts";
import type { Context } from "./context.ts";

/** Where etcd keeps the Node resources. */
export const NODES_PREFIX = "/calico/resources/v3/projectcalico.org/nodes/";

const StoredNode = z.object({
  name: z.string(),
  orchRefs: z
    .array(z.object({ nodeName: z.string().optional(), orchestrator: z.string().optional() }))
    .optional(),
});
type StoredNode = z.infer<typeof StoredNode>;

const EtcdNode = z.object({
  metadata: z.object({ name: z.string() }),
  spec: z.object({ orchRefs: StoredNode.shape.orchRefs }).optional(),
});

const cached = new WeakMap<CalicoEtcd, { sha256: string; names: NodeNames }>();

/** Reads the nodes of etcd at a revision and records them as the run's mapping of node names. */
export async function recordNodeNames(context: Context, revision: number): Promise<NodeNames> {
  const nodes: StoredNode[] = [];
  for await (const page of context.connections
    .etcd()
    .pages({ prefix: NODES_PREFIX, revision, pageSize: 500 })) {
    nodes.push(...page.map(({ value }) => parseNode(value)).filter((node) => node !== undefined));
  }
  return writeNodeNames(context, nodes);
}

/** The run's mapping of node names, as recorded last; another worker may have added to it. */
export async function readNodeNames(context: Context): Promise<NodeNames> {
  const etcd = context.connections.etcd();
  const sha256 = (await context.artifacts.find(artifact(context.run.runId)))?.sha256 ?? "";
  const known = cached.get(etcd);
  if (known?.sha256 === sha256) return known.names;
  const names = await storedNodeNames(context.artifacts, context.run.runId);
  cached.set(etcd, { sha256, names });
  return names;
}

/** As {@link readNodeNames}, for those who only read. */
export async function storedNodeNames(artifacts: ArtifactStore, runId: string): Promise<NodeNames> {
  return NodeNames.from(await storedNodes(artifacts, runId));
}

/**
 * Adds nodes that came to etcd after the mapping was recorded. Throws NODE_MAPPING_CHANGED when a node that is known
 * has got another Kubernetes name: what was copied with the old name would have to be found and redone.
 */
export async function addNodeNames(context: Context, values: readonly Buffer[]): Promise<void> {
  const nodes = new Map(
    (await storedNodes(context.artifacts, context.run.runId)).map((node) => [node.name, node]),
  );
  const before = NodeNames.from(nodes.values());
  for (const node of values.map(parseNode).filter((parsed) => parsed !== undefined)) {
    const known = nodes.has(node.name);
    const renamed =
      known && before.toKubernetes(node.name) !== NodeNames.from([node]).toKubernetes(node.name);
    if (renamed) throw mappingChanged(node.name);
    nodes.set(node.name, node);
  }
  await writeNodeNames(context, [...nodes.values()]);
}

function parseNode(value: Buffer): StoredNode | undefined {
  const parsed = EtcdNode.safeParse(parseJson(value));
  if (!parsed.success) return undefined;
  const orchRefs = parsed.data.spec?.orchRefs;
  return { name: parsed.data.metadata.name, ...(orchRefs === undefined ? {} : { orchRefs }) };
}

function parseJson(value: Buffer): unknown {
  try {
    return JSON.parse(value.toString("utf8")) as unknown;
  } catch {
    return undefined;
  }
}

function artifact(runId: string): string {
  return `runs/${runId}/node-names.ndjson`;
}

async function storedNodes(artifacts: ArtifactStore, runId: string): Promise<StoredNode[]> {
  return collectJson(artifacts.read(artifact(runId)), StoredNode);
}

async function writeNodeNames(context: Context, nodes: StoredNode[]): Promise<NodeNames> {
  const { sha256 } = await context.artifacts.write(artifact(context.run.runId), jsonLines(nodes));
  const names = NodeNames.from(nodes);
  cached.set(context.connections.etcd(), { sha256, names });
  return names;
}

function mappingChanged(node: string): MigratorError {
  return new MigratorError(
    "NODE_MAPPING_CHANGED",
    `the etcd node "${node}" has got another Kubernetes name since the run began`,
    { next: "Undo the run with `rollback` and start again: names that were copied depend on the mapping." },
  );
}
