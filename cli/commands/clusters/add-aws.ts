import { z } from "zod";
import { withoutSecret } from "../../../shared/adapters/aws/secrets/cluster-secret.ts";
import { ClusterExistsError } from "../../../shared/adapters/cluster-errors.ts";
import { type NewCluster, newCluster, type NewClusterWay } from "../../aws/new-cluster.ts";
import type { AwsSession } from "../../aws/session.ts";
import { EXIT } from "../../exit-codes.ts";
import { usageError } from "../../failures.ts";
import type { NamedConnection } from "../../options/connection.ts";
import { KubernetesName, USUAL_ACCOUNT } from "../../options/rbac.ts";
import { rbacObjects, yamlOf } from "../../rbac.ts";

const TOKEN_HOURS = 24;

/** What only means something on AWS. */
export const OnAwsFlags = z.object({
  serviceAccount: z.string().optional(),
  tokenHours: z.int().optional(),
  eks: z.string().optional(),
  eksRegion: z.string().optional(),
  roleArn: z.string().optional(),
  probe: z.boolean().default(true),
  migration: z.string().optional(),
});
type OnAwsFlags = z.infer<typeof OnAwsFlags>;

/** The cluster to add. */
interface Wanted extends NamedConnection {
  labels: Record<string, string>;
  replace: boolean;
}

/**
 * Stores the cluster's secret and registers it, after a try that both sides answer. Throws CLUSTER_EXISTS, what
 * `newCluster` throws, and what storing it throws.
 */
export async function addOnAws(session: AwsSession, wanted: Wanted, flags: OnAwsFlags): Promise<number> {
  const { stack, world } = session;
  const { name, labels, replace } = wanted;
  const way = wayOf(flags);
  const account = way.serviceAccount ?? {
    namespace: USUAL_ACCOUNT.namespace,
    name: USUAL_ACCOUNT.serviceAccount,
  };
  const rbac = flags.migration === undefined ? undefined : await rbacText(session, flags.migration, account);
  const before = await stack.clusters.get(name);
  if (!replace && before !== undefined) throw new ClusterExistsError(name);
  const cluster = await newCluster(world, wanted.connection, way);
  tell(session, `cluster ${name}: ${cluster.server}\n${shownText(cluster)}`);
  if (flags.probe) await stack.secrets.probe(name, cluster.secret);
  const { server, etcdEndpoints } = cluster;
  const registered = { name, labels, server, etcdEndpoints };
  const eks = withoutSecret(cluster.secret);
  if (eks === undefined) {
    const { arn } = await stack.secrets.put(name, cluster.secret);
    await stack.clusters.add({ ...registered, secretArn: arn }, { replace });
    tell(session, `stored as ${arn}\n`);
  } else {
    await stack.clusters.add({ ...registered, eks }, { replace });
    // What an earlier registration has left is of no use any more.
    if (before?.secretArn !== undefined) await stack.secrets.delete(name);
    tell(session, "registered without a secret: functions sign their tokens themselves\n");
  }
  if (rbac === undefined)
    tell(session, `rights: calico-migrator rbac MIGRATION prints the least that are needed\n`);
  world.stdout.write(rbac ?? `${name}\n`);
  return EXIT.ok;
}

function wayOf({ eks, eksRegion, roleArn, serviceAccount, tokenHours }: OnAwsFlags): NewClusterWay {
  if (eks !== undefined && serviceAccount !== undefined)
    throw usageError("--eks and --service-account exclude each other", "Give one of the two.");
  if (eks === undefined && (eksRegion !== undefined || roleArn !== undefined))
    throw usageError("--eks-region and --role-arn go with --eks", "Give --eks with the cluster's name.");
  if (eks !== undefined) return { eks: { name: eks, region: eksRegion, roleArn } };
  if (serviceAccount !== undefined) {
    return { serviceAccount: { ...accountOf(serviceAccount), tokenHours: tokenHours ?? TOKEN_HOURS } };
  }
  if (tokenHours !== undefined)
    throw usageError("--token-hours goes with --service-account", "Give the service account.");
  return {};
}

function accountOf(text: string): { namespace: string; name: string } {
  const parts = text.split("/");
  const [namespace, name] = parts.length === 1 ? [USUAL_ACCOUNT.namespace, text] : parts;
  const parsed = z.tuple([KubernetesName, KubernetesName]).safeParse([namespace, name]);
  if (parts.length <= 2 && parsed.success) return { namespace: parsed.data[0], name: parsed.data[1] };
  throw usageError(`"${text}" is not a service account`, "Write it as NAMESPACE/NAME.");
}

async function rbacText(
  { world }: AwsSession,
  migration: string,
  { namespace, name }: { namespace: string; name: string },
): Promise<string> {
  return yamlOf(await rbacObjects(world, { migration, namespace, serviceAccount: name }));
}

function shownText({ shown: { user, fields, expires } }: NewCluster): string {
  const until = expires === undefined ? "" : `  until:  ${expires}; then add it again with --replace\n`;
  return `  user:   ${user}\n  stored: ${fields.join(", ")}\n${until}`;
}

function tell({ world, flags }: AwsSession, text: string): void {
  if (flags.output !== "json" && !flags.quiet) world.stderr.write(text);
}
