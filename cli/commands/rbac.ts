import { Command } from "commander";
import { z } from "zod";
import { MIGRATIONS_WITH_ACCESS } from "../../shared/migrations/access.ts";
import { textAt } from "../../shared/kubernetes/fields.ts";
import { EXIT } from "../exit-codes.ts";
import { OutputFlags, withCommonOptions } from "../options/common.ts";
import { MigrationFlags, refuseForeignOptions, withRightsOptions } from "../options/migrations/index.ts";
import { AccountFlags, withAccountOptions } from "../options/rbac.ts";
import { parseFlags, soundFlags } from "../options/parse.ts";
import type { FaultList } from "../faults.ts";
import { print } from "../output/print.ts";
import { rbacObjects, yamlOf } from "../rbac.ts";
import { checkManifests } from "../start/check-line.ts";
import type { World } from "../world.ts";
import type { CommandEntry, Invocation } from "./command.ts";

const RbacFlags = OutputFlags.extend({
  ...AccountFlags.shape,
  ...MigrationFlags.shape,
  bindOnly: z.boolean().default(false),
  tokenSecret: z.boolean().default(false),
});
type RbacFlags = z.infer<typeof RbacFlags>;

const EXAMPLES = `
Examples:
  calico-migrator rbac etcd-to-kubernetes --manifest calico-kdd.yaml | kubectl apply -f -
  calico-migrator rbac apiserver-to-crds --crds v3_projectcalico_org.yaml --dependants configmaps | kubectl apply -f -
  calico-migrator rbac etcd-to-kubernetes --bind-only --namespace ops --service-account robot
`;

/** `rbac`: the least rights that a migration needs, as Kubernetes objects. */
export function rbacCommand(): CommandEntry {
  const command = new Command("rbac")
    .summary("print the least rights that a migration needs")
    .description(
      "Prints a service account, roles and bindings with exactly what the migration does to the cluster. With the manifests that the run will use, it may write their objects and no others; without, it writes none.",
    )
    .argument("<migration>", MIGRATIONS_WITH_ACCESS.join(", "));
  withAccountOptions(withRightsOptions(command))
    .option("--bind-only", "the bindings alone: the account and the roles are there")
    .option("--token-secret", "also a Secret with a token of the account that does not expire");
  withCommonOptions(command).addHelpText("before", EXAMPLES.trimStart());
  return {
    command,
    check,
    handle: ({ world, args, flags }) => rbac(world, args, parseFlags(RbacFlags, flags)),
  };
}

async function check({ world, args, flags: given }: Invocation, faults: FaultList): Promise<void> {
  const [migration] = z.tuple([z.string()]).parse(args);
  const flags = soundFlags(RbacFlags, given, faults);
  await faults.look(() => {
    refuseForeignOptions(migration, flags);
  });
  await checkManifests(world, migration, flags, faults);
}

async function rbac(world: World, args: readonly unknown[], flags: RbacFlags): Promise<number> {
  const [migration] = z.tuple([z.string()]).parse(args);
  const objects = await rbacObjects(world, { ...flags, migration });
  print(world, flags, {
    document: { apiVersion: "v1", kind: "List", items: objects },
    text: () => yamlOf(objects),
    names: objects.map((object) => `${textAt(object, "kind")}/${textAt(object, "metadata", "name")}`),
  });
  return EXIT.ok;
}
