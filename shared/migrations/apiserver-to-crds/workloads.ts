import type { JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import { readTarget } from "../target/calls.ts";
import { type Context, findings } from "./context.ts";

const APPS = "apps/v1";

/** Those that read or write Calico's datastore, as manifests, charts and the operator name them. */
const USERS: readonly (readonly [plural: string, name: string])[] = [
  ["daemonsets", "calico-node"],
  ["daemonsets", "calico-node-windows"],
  ["deployments", "calico-typha"],
  ["deployments", "calico-kube-controllers"],
];

/** A workload as it is in the cluster. */
export interface Found {
  ref: ObjectRef;
  object: JsonObject;
}

/** The workloads that use Calico's datastore, where the cluster has them. */
export async function datastoreUsers(context: Context): Promise<Found[]> {
  const { namespace } = await findings(context);
  const refs = USERS.map(([plural, name]) => ({ apiVersion: APPS, plural, namespace, name }));
  const objects = await Promise.all(refs.map((ref) => readTarget(context, ref)));
  return refs.flatMap((ref, index) => {
    const object = objects[index];
    return object === undefined ? [] : [{ ref, object }];
  });
}

/** The operator's Deployment; undefined where no operator installs Calico. */
export async function operatorRef(context: Context): Promise<ObjectRef | undefined> {
  const { installer, operator } = await findings(context);
  if (installer !== "operator" || operator === undefined) return undefined;
  return { apiVersion: APPS, plural: "deployments", namespace: operator.namespace, name: "tigera-operator" };
}

/** The aggregated API server's Deployment, in the namespace of the Service that its APIService names. */
export function apiServerRef(apiService: JsonObject): ObjectRef {
  const namespace = textAt(apiService, "spec", "service", "namespace");
  return { apiVersion: APPS, plural: "deployments", namespace, name: "calico-apiserver" };
}

/** `daemonsets/calico-node`, as kubectl takes it. */
export function workloadName({ plural, name }: ObjectRef): string {
  return `${plural}/${name}`;
}
