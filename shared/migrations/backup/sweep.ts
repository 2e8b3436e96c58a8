import { z } from "zod";
import { CALICO_PREFIX } from "../../calico/keys.ts";
import type { StageContext, Sweep, SweepPlan } from "../../engine/migration.ts";
import { EtcdCompactedError } from "../../etcd/errors.ts";
import { prefixEnd } from "../../etcd/keys.ts";
import type { EtcdRange } from "../../etcd/types.ts";
import type { JsonObject } from "../../json.ts";
import { crdResource } from "../../kubernetes/crds.ts";
import { objectAt, textAt } from "../../kubernetes/fields.ts";
import type { ResourceRef } from "../../kubernetes/types.ts";
import { jsonLines } from "../artifact-lines.ts";
import type { ClusterConnections } from "../connections.ts";
import { sealBackup } from "./index-file.ts";
import { type BackedUp, backUpObjects, CRDS_PER_PART, partName } from "./parts.ts";

const KEYS_PER_PART = 1000;

type BackupContext = StageContext<ClusterConnections, unknown>;

const Cursor = z.object({
  side: z.enum(["etcd", "kubernetes"]),
  part: z.int(),
  /** In etcd: the key to go on from. */
  from: z.string().optional(),
  /** In Kubernetes: which resource is being read, and its continue token. */
  resource: z.int(),
  continueToken: z.string().optional(),
});
type Cursor = z.infer<typeof Cursor>;

/** What a backup is of: Calico's keys in etcd, where the cluster has one, and these resources of Kubernetes. */
export interface BackupScope {
  /** The revision of etcd that is read; undefined for a cluster without Calico's etcd. */
  pinnedRevision: number | undefined;
  resources: readonly ResourceRef[];
}

/**
 * Keeps everything of Calico's data, in parts of bounded size: every key in etcd, and, of Kubernetes, Calico's custom
 * resources, their CRDs, and Calico's annotations on Nodes.
 */
export function backupSweep<O>(
  scopeOf: (context: StageContext<ClusterConnections, O>) => Promise<BackupScope>,
): Sweep<ClusterConnections, O> {
  return {
    kind: "sweep",
    name: "backup",
    title: "back up both sides",
    plan: async (context, previous) => {
      const scope = await scopeOf(context);
      const side = scope.pinnedRevision === undefined ? ("kubernetes" as const) : ("etcd" as const);
      const cursor = previous === undefined ? { side, part: 0, resource: 0 } : Cursor.parse(previous);
      return cursor.side === "etcd"
        ? backUpKeys(context, scope, cursor)
        : backUpKubernetes(context, scope, cursor);
    },
    work: () => Promise.reject(new Error("backup has no batches")),
  };
}

async function backUpKeys(context: BackupContext, scope: BackupScope, cursor: Cursor): Promise<SweepPlan> {
  const page = await readPage(context, scope, cursor.from ?? CALICO_PREFIX);
  const lines = page.kvs.map(({ key, value, modRevision }) => ({
    key,
    value: value.toString("base64"),
    modRevision,
  }));
  if (lines.length > 0)
    await context.artifacts.write(partName(context, "etcd")(cursor.part), jsonLines(lines));
  const last = page.kvs.at(-1);
  if (page.more && last !== undefined) {
    return { batches: [], cursor: { ...cursor, part: cursor.part + 1, from: `${last.key}\0` } };
  }
  return { batches: [], cursor: { side: "kubernetes", part: 0, resource: 0 } };
}

/** The keys as of the pinned revision; as of now where etcd has compacted that away. */
async function readPage(
  context: BackupContext,
  { pinnedRevision }: BackupScope,
  from: string,
): Promise<EtcdRange> {
  const query = { from, to: prefixEnd(CALICO_PREFIX), limit: KEYS_PER_PART };
  const pinned = pinnedRevision === undefined ? {} : { revision: pinnedRevision };
  try {
    return await context.connections.etcd().range({ ...query, ...pinned });
  } catch (error) {
    if (error instanceof EtcdCompactedError) return context.connections.etcd().range(query);
    throw error;
  }
}

async function backUpKubernetes(
  context: BackupContext,
  scope: BackupScope,
  cursor: Cursor,
): Promise<SweepPlan> {
  const next = await backUpObjects(context, backedUp(scope), cursor, partName(context, "kubernetes"));
  if (next !== undefined) return { batches: [], cursor: { side: "kubernetes", ...next } };
  await sealBackup(context);
  return { batches: [], done: true };
}

function backedUp({ resources }: BackupScope): BackedUp[] {
  return [
    { ref: crdResource, perPart: CRDS_PER_PART, keep: (crd) => (isCalicoCrd(crd) ? crd : undefined) },
    ...resources.map((ref) => (ref.plural === "nodes" ? { ref, keep: nodePart } : { ref })),
  ];
}

/** True for a CustomResourceDefinition of Calico's data. */
export function isCalicoCrd(object: JsonObject): boolean {
  return textAt(object, "spec", "group").endsWith("projectcalico.org");
}

/** Of a Node a migration changes Calico's annotations alone. */
function nodePart(node: JsonObject): JsonObject {
  const metadata = objectAt(node, "metadata");
  const annotations = Object.entries(objectAt(node, "metadata", "annotations"));
  const ours = Object.fromEntries(annotations.filter(([key]) => key.startsWith("projectcalico.org/")));
  return { apiVersion: "v1", kind: "Node", metadata: { name: metadata["name"], annotations: ours } };
}
