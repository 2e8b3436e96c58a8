import { InvalidArgumentError, Option } from "commander";
import { z } from "zod";
import type { TargetGroup } from "../../../shared/calico/kinds.ts";
import { parseVersion } from "../../../shared/calico/versions/version.ts";
import type { MigrationCommandLine } from "./command-line.ts";
import { SharedFlags, sharedOptions, sourceOf } from "./shared.ts";

/** What `--target-group` stands for. */
export const GROUPS: Readonly<Record<"v1" | "v3", TargetGroup>> = {
  v1: "crd.projectcalico.org/v1",
  v3: "projectcalico.org/v3",
};

/** What `--others-on-etcd` takes. */
const OTHERS = ["refuse", "unlock", "stop"] as const;

/** The flags of `etcd-to-kubernetes` alone. */
export const EtcdToKubernetesFlags = z.object({
  manifest: z.string().optional(),
  rollbackManifest: z.string().optional(),
  targetGroup: z.enum(["v1", "v3"]).optional(),
  calicoVersion: z.string().optional(),
  othersOnEtcd: z.enum(OTHERS).optional(),
});
export type EtcdToKubernetesFlags = z.infer<typeof EtcdToKubernetesFlags>;

function calicoVersion(text: string): string {
  if (parseVersion(text) !== undefined) return text;
  throw new InvalidArgumentError("It is no version of Calico, such as v3.28.5 or 3.28.");
}

/** How `etcd-to-kubernetes` is asked for. */
export const etcdToKubernetes: MigrationCommandLine<EtcdToKubernetesFlags & SharedFlags> = {
  flags: Object.keys({ ...EtcdToKubernetesFlags.shape, ...SharedFlags.shape }),
  addRights: (command) => {
    command
      .option(
        "--manifest <source>",
        "Calico's manifest for the Kubernetes datastore: file, directory or URL; without it the run waits until you switch",
      )
      .option(
        "--rollback-manifest <source>",
        "Calico's manifest for etcd, for the way back (default: as it was)",
      )
      .addOption(
        new Option(
          "--target-group <group>",
          "v1: crd.projectcalico.org/v1; v3: projectcalico.org/v3 (default: what is there)",
        ).choices(Object.keys(GROUPS)),
      )
      .addOption(
        new Option(
          "--calico-version <version>",
          "the Calico that will use the Kubernetes datastore, such as v3.28.5 (default: found out)",
        ).argParser(calicoVersion),
      )
      .addOption(
        new Option(
          "--others-on-etcd <what>",
          "hosts and orchestrators beside Kubernetes on this etcd: refuse to begin, unlock etcd for them in the end, or let them stop (default: refuse)",
        ).choices(OTHERS),
      );
  },
  optionsOf: (world, flags) => ({
    manifest: sourceOf(world, flags.manifest),
    rollbackManifest: sourceOf(world, flags.rollbackManifest),
    targetGroup: flags.targetGroup === undefined ? undefined : GROUPS[flags.targetGroup],
    calicoVersion: flags.calicoVersion,
    othersOnEtcd: flags.othersOnEtcd,
    ...sharedOptions(flags),
  }),
  manifests: ["manifest", "rollbackManifest"],
  approvals: [
    {
      flag: "approveUnmappedNodes",
      subject: "unmapped-nodes",
      description: "accept that what names an unknown node is not carried",
    },
    {
      flag: "approveUncarried",
      subject: "uncarried",
      description: "accept that what has no place in the Kubernetes datastore is not carried",
    },
  ],
  fromEtcd: true,
};
