import { existsSync } from "node:fs";
import type { Cluster } from "../../shared/adapters/embedded/index.ts";
import { type AwsSession, openAwsSession } from "../aws/session.ts";
import { usageError } from "../failures.ts";
import { type LocalSession, openStoreSession } from "../local-session.ts";
import type { OutputFlags } from "../options/common.ts";
import type { ConnectionFlags } from "../options/connection.ts";
import { notRegistered } from "../start/prepare-aws.ts";
import { targetOf } from "../target.ts";
import type { World } from "../world.ts";

/** Where runs are kept that may hold a lock. */
export interface Place {
  kind: "store" | "aws";
  /** Undefined where it was not asked, or where there is none. */
  session: LocalSession | AwsSession | undefined;
  /** A cluster that is registered there, as this machine can reach it. */
  registered: (name: string) => Promise<Cluster | undefined>;
}

/**
 * Opens the place that the flags name. A stack is asked only when a lock is to be lifted: its table and its functions may be what
 * is broken, and to look takes the cluster alone. Throws USAGE where the way to the cluster is missing, and what opening throws.
 */
export async function openPlace(
  world: World,
  flags: OutputFlags & ConnectionFlags & { force: boolean },
): Promise<Place> {
  const target = targetOf(world, flags);
  if (target.kind === "store") {
    const session = existsSync(target.path) ? openStoreSession(world, flags, target) : undefined;
    return {
      kind: "store",
      session,
      registered: async (name) => session?.embedded.clusters.get(name),
    };
  }
  requireWay(flags);
  const session = flags.force ? await openAwsSession(world, flags, target) : undefined;
  return { kind: "aws", session, registered: () => Promise.resolve(undefined) };
}

/** Refuses a name that the stack does not know: nothing would be found out about it. */
export async function requireRegistered({ session }: Place, name: string | undefined): Promise<void> {
  if (name === undefined || session?.kind !== "aws") return;
  if ((await session.stack.clusters.get(name)) === undefined) throw notRegistered(name);
}

/** Nobody but the functions reads a cluster's secret, and a name must not stand for whatever kubectl has chosen. */
function requireWay({ cluster, kubeconfig, context }: ConnectionFlags): void {
  if (cluster === undefined || kubeconfig !== undefined || context !== undefined) return;
  throw usageError(
    "--kubeconfig is missing: `unlock` reaches the cluster from this machine, and --cluster names it on AWS alone",
    `Give --kubeconfig FILE or --context NAME for the cluster "${cluster}", and --etcd-endpoints where it has Calico's etcd.`,
  );
}
