import { z } from "zod";
import { CALICO_PREFIX } from "../../calico/keys.ts";
import { kindByPlural } from "../../calico/kinds.ts";
import { type Action, defineMigration, type StageContext } from "../../engine/migration.ts";
import { MigratorError } from "../../errors.ts";
import { prefixEnd } from "../../etcd/keys.ts";
import type { JsonObject } from "../../json.ts";
import { apiServiceState, nativeApiService } from "../../kubernetes/api-services.ts";
import { crdResource, crdState } from "../../kubernetes/crds.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ResourceRef } from "../../kubernetes/types.ts";
import type { ClusterConnections } from "../connections.ts";
import { call, readTarget } from "../target/calls.ts";
import { backupSweep, isCalicoCrd } from "./sweep.ts";
import { reads } from "../target/reads.ts";

const GROUPS = ["crd.projectcalico.org", "projectcalico.org"] as const;
const NATIVE_GROUP = "projectcalico.org";
const NODES: ResourceRef = { apiVersion: "v1", plural: "nodes" };

const ignored = z.unknown().optional();

/** Options of `backup`: only of this API group; by default of all that the cluster has. */
const BackupOptions = z.strictObject({
  targetGroup: z.enum(["crd.projectcalico.org/v1", "projectcalico.org/v3"]).optional(),
  // What earlier versions recorded with their runs; nothing reads it.
  manifest: ignored,
  rollbackManifest: ignored,
  batchSize: ignored,
  quietMs: ignored,
  rolloutDeadlineMs: ignored,
});
type BackupOptions = z.infer<typeof BackupOptions> & JsonObject;
type Context = StageContext<ClusterConnections, BackupOptions>;

const Ref = z.object({ apiVersion: z.string(), plural: z.string() });
const Pinned = z.object({ pinnedRevision: z.int().optional(), resources: z.array(Ref) });

const pin: Action<ClusterConnections, BackupOptions> = {
  kind: "action",
  name: "pin",
  title: "find out what Calico keeps where, and pin the revision of etcd that is backed up",
  act: async (context) => {
    const pinnedRevision = await revisionOf(context);
    const { resources, unread } = await resourcesOf(context);
    await context.record({
      ...(pinnedRevision === undefined ? {} : { pinnedRevision }),
      resources: resources.map(({ apiVersion, plural }) => ({ apiVersion, plural })),
      unread,
    });
    return { done: true };
  },
};

/** A backup of Calico's data on all sides that a cluster has, without a migration. */
export const backupBothSides = defineMigration<ClusterConnections, BackupOptions>({
  name: "backup",
  title: "back up Calico's data in etcd and in Kubernetes",
  command: "backup",
  options: BackupOptions as z.ZodType<BackupOptions>,
  stages: [
    pin,
    backupSweep(async (context) => {
      const { pinnedRevision, resources } = Pinned.parse(await context.notesOf("pin"));
      return { pinnedRevision, resources };
    }),
  ],
});

/** Of the whole etcd cluster, linearizably; undefined for a cluster without Calico's etcd. */
async function revisionOf({ connections }: Context): Promise<number | undefined> {
  const query = { from: CALICO_PREFIX, to: prefixEnd(CALICO_PREFIX), limit: 1, keysOnly: true };
  try {
    return (await connections.etcd().range(query)).revision;
  } catch (error) {
    if (error instanceof MigratorError && error.code === "ETCD_NOT_CONFIGURED") return undefined;
    throw error;
  }
}

/**
 * The custom resources that Calico has here, whatever its version, by the definitions that there are. While an aggregated API
 * server serves the native group, it would show the old group's objects a second time.
 */
async function resourcesOf(context: Context): Promise<{ resources: ResourceRef[]; unread: string[] }> {
  const wanted = context.options.targetGroup;
  const isHidden = apiServiceState(await readTarget(context, nativeApiService)).served === "aggregated";
  const resources: ResourceRef[] = [];
  const unread: string[] = [];
  for (const { group, plural, version } of await definitions(context)) {
    const apiVersion = `${group}/${version}`;
    if (!GROUPS.some((one) => one === group) || (group === NATIVE_GROUP && isHidden)) continue;
    if (wanted !== undefined && wanted !== apiVersion) continue;
    const ref = { apiVersion, plural };
    // Kinds that this version does not know belong to others. Where the run may not read them, that is told, and
    // stops nothing.
    if (kindByPlural(plural) !== undefined || (await mayList(context, ref))) resources.push(ref);
    else unread.push(`${plural}.${group}`);
  }
  return { resources: [...resources, NODES], unread };
}

async function definitions(context: Context): Promise<{ group: string; plural: string; version: string }[]> {
  const found: { group: string; plural: string; version: string }[] = [];
  for await (const page of reads(context).pages(crdResource, { pageSize: 50, signal: context.signal }))
    for (const crd of page.filter(isCalicoCrd)) {
      const [plural = "", ...group] = textAt(crd, "metadata", "name").split(".");
      const version = crdState(crd).storage;
      if (version !== undefined) found.push({ group: group.join("."), plural, version });
    }
  return found.sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
}

function keyOf({ group, plural }: { group: string; plural: string }): string {
  return `${group}/${plural}`;
}

async function mayList(context: Context, ref: ResourceRef): Promise<boolean> {
  const { kubernetes } = context.connections;
  try {
    await call(context, () => kubernetes.list(ref, { limit: 1, metadataOnly: true, signal: context.signal }));
    return true;
  } catch (error) {
    if (isKubernetesError(error, "KUBERNETES_FORBIDDEN")) return false;
    throw error;
  }
}
