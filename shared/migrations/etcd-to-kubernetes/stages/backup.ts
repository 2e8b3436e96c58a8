import { z } from "zod";
import { CALICO_PREFIX } from "../../../calico/keys.ts";
import { kindInfo, KINDS, type TargetGroup, targetKind } from "../../../calico/kinds.ts";
import type { StageContext, Sweep, SweepPlan } from "../../../engine/migration.ts";
import { EtcdCompactedError } from "../../../etcd/errors.ts";
import { prefixEnd } from "../../../etcd/keys.ts";
import type { EtcdRange } from "../../../etcd/types.ts";
import type { JsonObject } from "../../../json.ts";
import { crdResource } from "../../../kubernetes/crds.ts";
import { objectAt, textAt } from "../../../kubernetes/fields.ts";
import { jsonLines } from "../../artifact-lines.ts";
import { type BackedUp, backUpObjects, CRDS_PER_PART, partName } from "../../backup/parts.ts";
import type { ClusterConnections } from "../../connections.ts";
import { decisions } from "../context.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";

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

/** What a backup is of: the revision of etcd, and the group that the target keeps Calico's custom resources in. */
export interface BackupScope {
  targetGroup: TargetGroup;
  pinnedRevision: number;
  /** Kinds that the target has no CRD for are passed over, as nobody asked for the rights to look. Default: none. */
  calico?: { missingKinds: readonly string[] };
}

/**
 * Keeps everything of both sides that the run could change, in parts of bounded size: every key of Calico in etcd, and,
 * of Kubernetes, the custom resources of Calico, their CRDs, and Calico's annotations on Nodes.
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
      const cursor =
        previous === undefined ? { side: "etcd" as const, part: 0, resource: 0 } : Cursor.parse(previous);
      return cursor.side === "etcd"
        ? backUpKeys(context, scope, cursor)
        : backUpKubernetes(context, scope, cursor);
    },
    work: () => Promise.reject(new Error("backup has no batches")),
  };
}

/** The backup of a migration, at the revision that preflight has pinned. */
export const backup = backupSweep<EtcdToKubernetesOptions>(decisions);

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
async function readPage(context: BackupContext, scope: BackupScope, from: string): Promise<EtcdRange> {
  const query = { from, to: prefixEnd(CALICO_PREFIX), limit: KEYS_PER_PART };
  try {
    return await context.connections.etcd().range({ ...query, revision: scope.pinnedRevision });
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
  return next === undefined
    ? { batches: [], done: true }
    : { batches: [], cursor: { side: "kubernetes", ...next } };
}

function backedUp({ targetGroup, calico }: BackupScope): BackedUp[] {
  const missing = calico?.missingKinds ?? [];
  const kinds = KINDS.filter(({ kind, group }) => group !== "none" && !missing.includes(kind));
  return [
    { ref: crdResource, perPart: CRDS_PER_PART, keep: (crd) => (isCalicoCrd(crd) ? crd : undefined) },
    ...kinds.map(({ kind }) => {
      const ref = targetKind(kindInfo(kind), targetGroup);
      return ref.plural === "nodes" ? { ref, keep: nodePart } : { ref };
    }),
  ];
}

function isCalicoCrd(object: JsonObject): boolean {
  return textAt(object, "spec", "group").endsWith("projectcalico.org");
}

/** Of a Node the run changes Calico's annotations alone. */
function nodePart(node: JsonObject): JsonObject {
  const metadata = objectAt(node, "metadata");
  const annotations = Object.entries(objectAt(node, "metadata", "annotations"));
  const ours = Object.fromEntries(annotations.filter(([key]) => key.startsWith("projectcalico.org/")));
  return { apiVersion: "v1", kind: "Node", metadata: { name: metadata["name"], annotations: ours } };
}
