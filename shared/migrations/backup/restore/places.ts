import { lockedClusterInformation, readLock, unlockedClusterInformation } from "../../../calico/lock.ts";
import { parseExactJson } from "../../../exact-json.ts";
import type { JsonObject } from "../../../json.ts";
import { apiServiceState, nativeApiService } from "../../../kubernetes/api-services.ts";
import { isKubernetesError } from "../../../kubernetes/errors.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import { fieldManager } from "../../context.ts";
import { CLUSTER_INFORMATION_KEY } from "../../etcd-to-kubernetes/source-lock.ts";
import { call, deleteTarget, readTarget, WRITE_TIMEOUT_MS } from "../../target/calls.ts";
import { restored } from "../../target/remove.ts";
import { keyOf, refOfKey } from "./objects.ts";
import type { Context } from "./options.ts";

/** A datastore's ClusterInformation as it is now. */
export interface Information {
  text: string;
  version: string;
}

/** Where the ClusterInformation of a datastore is, and how it is read and written: bound to what was read. */
export interface Place {
  key: string;
  read(): Promise<Information | undefined>;
  /** False when somebody was quicker. */
  write(text: string, found: Information | undefined): Promise<boolean>;
  remove(found: Information): Promise<boolean>;
}

/**
 * The places that may say whether the side's datastore may be used. In Kubernetes both groups are, but for the native one
 * while an aggregated API server serves it: that shows the old group's.
 */
export async function placesOf(context: Context): Promise<Place[]> {
  if (context.options.side === "etcd") return [etcdPlace(context)];
  const groups = ["crd.projectcalico.org/v1", "projectcalico.org/v3"];
  const refs = ((await isAggregated(context)) ? groups.slice(0, 1) : groups).map((apiVersion) =>
    keyOf({ apiVersion, plural: "clusterinformations", name: "default" }),
  );
  return refs.map((key) => kubernetesPlace(context, key));
}

/** True while an aggregated API server serves the native group: it shows the old group's objects there. */
export async function isAggregated(context: Context): Promise<boolean> {
  return apiServiceState(await readTarget(context, nativeApiService)).served === "aggregated";
}

/** Locked by this run, whoever locked it before. */
export function lockedText(text: string, runId: string): string {
  return lockedClusterInformation(unlockedClusterInformation(text), runId);
}

/** True for a lock of this run. */
export function isLockedBy(runId: string, { text }: Information): boolean {
  const { ready, lockedBy } = readLock(text);
  return ready === false && lockedBy === runId;
}

function etcdPlace(context: Context): Place {
  const key = CLUSTER_INFORMATION_KEY;
  const etcd = context.connections.etcd();
  return {
    key,
    read: async () => {
      const found = (await etcd.getMany([key])).get(key);
      return found && { text: found.value.toString("utf8"), version: String(found.modRevision) };
    },
    write: async (value, found) => {
      const expectedModRevision = found === undefined ? ("absent" as const) : Number(found.version);
      context.ensureHeld();
      return (await etcd.compareAndPut({ key, expectedModRevision, value })).applied;
    },
    remove: async ({ version }) => {
      context.ensureHeld();
      return (await etcd.compareAndDelete({ key, expectedModRevision: Number(version) })).applied;
    },
  };
}

function kubernetesPlace(context: Context, key: string): Place {
  const { kubernetes } = context.connections;
  const ref = refOfKey(key);
  const options = { fieldManager: fieldManager(context), timeoutMs: WRITE_TIMEOUT_MS };
  return {
    key,
    read: async () => {
      const found = await readTarget(context, ref);
      return found && { text: JSON.stringify(found), version: textAt(found, "metadata", "resourceVersion") };
    },
    write: (text, found) => {
      const object = parseExactJson(text) as JsonObject;
      return quickly(() =>
        call(context, () =>
          found === undefined
            ? kubernetes.create(ref, restored(object), options)
            : kubernetes.replace(ref, restored(object, found.version), options),
        ),
      );
    },
    remove: async ({ text }) => {
      await deleteTarget(context, ref, textAt(parseExactJson(text) as JsonObject, "metadata", "uid"));
      return true;
    },
  };
}

async function quickly(write: () => Promise<unknown>): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    if (
      isKubernetesError(error, "KUBERNETES_CONFLICT") ||
      isKubernetesError(error, "KUBERNETES_ALREADY_EXISTS")
    )
      return false;
    throw error;
  }
}
