import { readLock, unlockedClusterInformation } from "../../calico/lock.ts";
import { convertUid } from "../../calico/uid.ts";
import { MigratorError } from "../../errors.ts";
import type { JsonObject } from "../../json.ts";
import { orAbsent } from "../../kubernetes/absent.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import type { ClusterConnections } from "../connections.ts";
import { CLUSTER_INFORMATION_KEY } from "../etcd-to-kubernetes/source-lock.ts";
import { lockNotHeld, WITHOUT_RUN } from "../target/lock.ts";

/** Where Calico's data may be: an etcd, or an API group of Kubernetes. */
export const SIDES = ["etcd", "crd.projectcalico.org", "projectcalico.org"] as const;
export type Side = (typeof SIDES)[number];

/** How one datastore stands. */
export interface SideLock {
  side: Side;
  locked: boolean;
  /** The run whose mark it has. */
  lockedBy?: string;
}

interface Found extends SideLock {
  unlock: () => Promise<void>;
}

/**
 * The datastores of a cluster that are there, and how they stand; `etcd` only where that is asked for. Reads, and writes nothing.
 * What an aggregated API server shows of another one is left out.
 */
export async function findLocks(connections: ClusterConnections, withEtcd: boolean): Promise<SideLock[]> {
  return (await find(connections, withEtcd)).map(({ unlock, ...lock }) => lock);
}

/**
 * Lifts the lock of a run from one datastore, without the run: for when its store is lost. Throws LOCK_MISSING where the datastore is
 * not there, LOCK_NOT_OURS where somebody else has locked it, LOCK_NOT_HELD where somebody writes at the same time.
 */
export async function forceUnlock(
  connections: ClusterConnections,
  side: Side,
  withEtcd: boolean,
): Promise<SideLock> {
  const found = (await find(connections, withEtcd)).find((one) => one.side === side);
  if (found === undefined) throw missing(side);
  const { unlock, ...lock } = found;
  if (!lock.locked && lock.lockedBy === undefined) return lock;
  if (lock.lockedBy === undefined) throw notOurs(side);
  await unlock();
  const after = (await find(connections, withEtcd)).find((one) => one.side === side);
  if (after === undefined || after.locked) throw lockNotHeld(side, true);
  return lock;
}

async function find(connections: ClusterConnections, withEtcd: boolean): Promise<Found[]> {
  const etcd = withEtcd ? await inEtcd(connections) : undefined;
  const old = await read(connections, refOf("crd.projectcalico.org"));
  const native = await read(connections, refOf("projectcalico.org"));
  const uid = old === undefined ? "" : textAt(old, "metadata", "uid");
  const isShownTwice =
    native !== undefined && [uid, convertUid(uid)].includes(textAt(native, "metadata", "uid"));
  return [
    etcd,
    old === undefined ? undefined : inKubernetes(connections, "crd.projectcalico.org", old),
    native === undefined || isShownTwice ? undefined : inKubernetes(connections, "projectcalico.org", native),
  ].filter((one) => one !== undefined);
}

async function inEtcd(connections: ClusterConnections): Promise<Found | undefined> {
  const etcd = connections.etcd();
  const found = (await etcd.getMany([CLUSTER_INFORMATION_KEY])).get(CLUSTER_INFORMATION_KEY);
  if (found === undefined) return undefined;
  const text = found.value.toString("utf8");
  return {
    ...lockOf("etcd", text),
    unlock: async () => {
      const write = { key: CLUSTER_INFORMATION_KEY, expectedModRevision: found.modRevision };
      const { applied } = await etcd.compareAndPut({ ...write, value: unlockedClusterInformation(text) });
      if (!applied) throw lockNotHeld("etcd", true);
    },
  };
}

function inKubernetes({ kubernetes }: ClusterConnections, side: Side, object: JsonObject): Found {
  return {
    ...lockOf(side, object),
    unlock: async () => {
      try {
        await kubernetes.replace(refOf(side), unlockedClusterInformation(object), {
          fieldManager: WITHOUT_RUN,
        });
      } catch (error) {
        if (isKubernetesError(error, "KUBERNETES_CONFLICT")) throw lockNotHeld(side, true);
        throw error;
      }
    },
  };
}

function read({ kubernetes }: ClusterConnections, ref: ObjectRef): Promise<JsonObject | undefined> {
  return orAbsent(kubernetes.get(ref));
}

function refOf(side: Side): ObjectRef {
  const version = side === "projectcalico.org" ? "v3" : "v1";
  return { apiVersion: `${side}/${version}`, plural: "clusterinformations", name: "default" };
}

function lockOf(side: Side, value: string | JsonObject): SideLock {
  const { ready, lockedBy } = readLock(value);
  return { side, locked: ready === false, ...(lockedBy === undefined ? {} : { lockedBy }) };
}

function missing(side: Side): MigratorError {
  return new MigratorError("LOCK_MISSING", `${side} holds no ClusterInformation \`default\``, {
    next: "See with `calico-migrator unlock` which datastores are there; an etcd has to be named with --etcd-endpoints.",
  });
}

function notOurs(side: Side): MigratorError {
  return new MigratorError("LOCK_NOT_OURS", `${side} is locked, but by no run of calico-migrator`, {
    next: "See who has set `datastoreReady: false` in ClusterInformation `default`, such as calicoctl or an upgrade, and let them lift it.",
  });
}
