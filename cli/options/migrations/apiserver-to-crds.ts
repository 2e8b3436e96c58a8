import { Option } from "commander";
import { z } from "zod";
import { LeftOutName } from "../../../shared/migrations/apiserver-to-crds/options.ts";
import type { MigrationCommandLine } from "./command-line.ts";
import { SharedFlags, sharedOptions, sourceOf } from "./shared.ts";

const GUARDS = ["install", "none"] as const;
const GITOPS = ["pause", "refuse", "ignore"] as const;

/** A resource as kubectl names it: `configmaps`, `widgets.example.org`. */
const ResourceName = z
  .string()
  .regex(/^[a-z0-9-]+(\.[a-z0-9-]+)*$/, "is no resource, such as configmaps or widgets.example.org");

/** The flags of `apiserver-to-crds` alone. */
export const ApiserverToCrdsFlags = z.object({
  crds: z.string().optional(),
  gitops: z.enum(GITOPS).optional(),
  mirrorStatus: z.boolean().optional(),
  skip: z.array(LeftOutName).optional(),
  skipForeignOwnerReferences: z.boolean().optional(),
  nativeGuards: z.enum(GUARDS).optional(),
  dependants: z.array(ResourceName).optional(),
  enforcedOwners: z.boolean().optional(),
});
export type ApiserverToCrdsFlags = z.infer<typeof ApiserverToCrdsFlags>;

/** How `apiserver-to-crds` is asked for. */
export const apiserverToCrds: MigrationCommandLine<ApiserverToCrdsFlags & SharedFlags> = {
  flags: Object.keys({ ...ApiserverToCrdsFlags.shape, ...SharedFlags.shape }),
  addRights: (command) => {
    command
      .option(
        "--crds <source>",
        "Calico's native CRDs and admission policies: file, directory or URL; without it they must be there",
      )
      .addOption(
        new Option(
          "--gitops <mode>",
          "GitOps tools that manage Calico: pause them until the end, refuse to start, or ignore them (default: pause)",
        ).choices(GITOPS),
      )
      .option(
        "--mirror-status",
        "show the run in a status shaped like a DatastoreMigration, for tools that look there",
      );
  },
  addOthers: (command) => {
    command.option(
      "--skip <object...>",
      "leave these objects of the old group out, such as NetworkSet/shop/partners: a loss to approve",
    );
    command.option(
      "--skip-foreign-owner-references",
      "leave owner references of objects that are not Calico's: the garbage collector deletes these objects",
    );
    command.addOption(
      new Option(
        "--native-guards <mode>",
        "what takes over what the API server guards: install admission policies, or none (default: install)",
      ).choices(GUARDS),
    );
  },
  addRbac: (command) => {
    command
      .option(
        "--dependants <resource...>",
        "resources with objects that belong to Calico objects, such as configmaps: their owner references are carried over",
      )
      .option(
        "--enforced-owners",
        "the API server lets only those change owner references who may delete the object, as OpenShift's does",
      );
  },
  optionsOf: (world, flags) => ({
    crds: sourceOf(world, flags.crds),
    gitops: flags.gitops,
    mirrorStatus: flags.mirrorStatus,
    skip: flags.skip,
    skipForeignOwnerReferences: flags.skipForeignOwnerReferences,
    guards: flags.nativeGuards,
    ...sharedOptions(flags),
  }),
  manifests: ["crds"],
  approvals: [
    {
      flag: "approveUncarried",
      subject: "uncarried",
      description: "accept that what --skip names is not carried",
    },
    {
      flag: "approveUnconverted",
      subject: "unconverted",
      description: "accept that the cleanup deletes old objects that nothing converts",
    },
    {
      flag: "approveUnreadDependants",
      subject: "unread-dependants",
      description: "accept that what may not be listed is deleted where it belongs to Calico objects",
    },
  ],
  fromEtcd: false,
};
