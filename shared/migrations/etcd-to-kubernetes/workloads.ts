import type { JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ObjectRef } from "../../kubernetes/types.ts";
import type { Context } from "./context.ts";
import { readManifest } from "./manifest.ts";
import { call, orAbsent } from "../target/calls.ts";

const PLURALS: Readonly<Record<string, string>> = {
  DaemonSet: "daemonsets",
  Deployment: "deployments",
  StatefulSet: "statefulsets",
};

/** Where manifest installs of Calico run. */
const NAMESPACE = "kube-system";

/** The workload that runs Calico on every node. */
export const CALICO_NODE: ObjectRef = {
  apiVersion: "apps/v1",
  plural: "daemonsets",
  namespace: NAMESPACE,
  name: "calico-node",
};

/** The workloads of a manifest install of Calico, where it has them. */
export const USUAL_WORKLOADS: readonly ObjectRef[] = [
  CALICO_NODE,
  { ...CALICO_NODE, plural: "deployments", name: "calico-typha" },
  { ...CALICO_NODE, plural: "deployments", name: "calico-kube-controllers" },
];

/** The workloads whose rollout matters: those of the manifest, or Calico's usual ones. */
export async function rolloutRefs(context: Context): Promise<ObjectRef[]> {
  const manifest = await readManifest(context);
  const named = manifest.map(workloadRef).filter((ref) => ref !== undefined);
  return named.length > 0 ? named : [...USUAL_WORKLOADS];
}

/** The coordinates of a workload; undefined for any other object. */
export function workloadRef(object: JsonObject): ObjectRef | undefined {
  const plural = PLURALS[textAt(object, "kind")];
  if (plural === undefined || object["apiVersion"] !== "apps/v1") return undefined;
  const namespace = textAt(object, "metadata", "namespace");
  const name = textAt(object, "metadata", "name");
  return { apiVersion: "apps/v1", plural, namespace: namespace === "" ? "default" : namespace, name };
}

/** Reads a workload; undefined when it is not there. */
export async function readWorkload(context: Context, ref: ObjectRef): Promise<JsonObject | undefined> {
  return orAbsent(call(context, () => context.connections.kubernetes.get(ref, { signal: context.signal })));
}
