import { z } from "zod";
import { NodeNames } from "../../calico/node-names.ts";
import type { ArtifactStore } from "../../engine/ports.ts";
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

/** The mapping with nodes that came to etcd, or changed there, after it was recorded. */
export interface ChangedNodeNames {
  names: NodeNames;
  /** Nodes of etcd, by their names there, that Kubernetes has by another name than was recorded. */
  renamed: readonly string[];
  /** Records the mapping: once what depends on the renamed ones is recorded, too. */
  save(): Promise<void>;
}

/** Adds these nodes to the mapping as it was recorded last, without recording it yet. */
export async function changedNodeNames(
  context: Context,
  values: readonly Buffer[],
): Promise<ChangedNodeNames> {
  if (values.length === 0)
    return { names: await readNodeNames(context), renamed: [], save: () => Promise.resolve() };
  const nodes = new Map(
    (await storedNodes(context.artifacts, context.run.runId)).map((node) => [node.name, node]),
  );
  const before = NodeNames.from(nodes.values());
  const renamed: string[] = [];
  for (const node of values.map(parseNode).filter((parsed) => parsed !== undefined)) {
    const now = NodeNames.from([node]).toKubernetes(node.name);
    if (nodes.has(node.name) && before.toKubernetes(node.name) !== now) renamed.push(node.name);
    nodes.set(node.name, node);
  }
  const all = [...nodes.values()];
  const save = async (): Promise<void> => {
    await writeNodeNames(context, all);
  };
  return { names: NodeNames.from(all), renamed, save };
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
