import { z } from "zod";
import { type Action, defineMigration } from "../../engine/migration.ts";
import { EtcdToKubernetesOptions } from "../etcd-to-kubernetes/options.ts";
import { Facts } from "../etcd-to-kubernetes/preflight/facts.ts";
import { type BackupScope, backupSweep } from "../etcd-to-kubernetes/stages/backup.ts";
import type { ClusterConnections } from "../connections.ts";

const Pinned = z.object({
  targetGroup: z.enum(["crd.projectcalico.org/v1", "projectcalico.org/v3"]),
  pinnedRevision: z.int(),
}) satisfies z.ZodType<BackupScope>;

const pin: Action<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "action",
  name: "pin",
  title: "pin the revision of etcd that is backed up",
  act: async (context) => {
    const facts = new Facts(context);
    const pinnedRevision = await facts.currentRevision();
    await context.record({ targetGroup: await facts.targetGroup(), pinnedRevision });
    return { done: true };
  },
};

/** A backup of Calico's data on both sides, without a migration. */
export const backupBothSides = defineMigration<ClusterConnections, EtcdToKubernetesOptions>({
  name: "backup",
  title: "back up Calico's data in etcd and in Kubernetes",
  options: EtcdToKubernetesOptions,
  stages: [pin, backupSweep(async (context) => Pinned.parse(await context.notesOf("pin")))],
});
