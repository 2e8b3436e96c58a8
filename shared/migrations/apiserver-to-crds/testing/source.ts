import { nativeKindOf, type NativeKind } from "../../../calico/native/native-kinds.ts";
import { NATIVE_SAMPLES } from "../../../calico/native/testing/samples.ts";
import { convertUid } from "../../../calico/uid.ts";
import { METADATA_ANNOTATION } from "../../../calico/metadata.ts";
import type { JsonObject } from "../../../json.ts";
import { objectAt, textAt } from "../../../kubernetes/fields.ts";
import type { ObjectRef } from "../../../kubernetes/types.ts";
import type { FakeCluster } from "./fake-cluster.ts";
import { OWNER } from "./cluster.ts";

const OLD = "crd.projectcalico.org/v1";
const CONFIG_MAPS = { apiVersion: "v1", plural: "configmaps", namespace: "shop" };
const APPLICATIONS = { apiVersion: "argoproj.io/v1alpha1", plural: "applications", namespace: "shop" };

/** What of the source belongs to others, and not to Calico. */
export const OTHERS = {
  /** Has an owner of its own, then one of Calico's. */
  mixed: "v1/configmaps/shop/mixed",
  /** Have one owner, as the aggregated API shows it and as the old group has it. */
  shown: "v1/configmaps/shop/shown",
  older: "v1/configmaps/shop/older",
  application: "argoproj.io/v1alpha1/applications/shop/calico",
} as const;

/** An object of every kind, Calico objects that belong to others, what is not Calico's and belongs to Calico objects, and a GitOps tool. */
export async function fillSource(cluster: FakeCluster): Promise<void> {
  const owner = await cluster.get({ ...OWNER, apiVersion: OLD });
  for (const { v1 } of NATIVE_SAMPLES)
    if (textAt(v1, "kind") !== "GlobalNetworkSet") await createV1(cluster, v1);
  await createV1(cluster, ownedPolicy(owner));
  await fillOthers(cluster, textAt(owner, "metadata", "uid"));
}

/** Where a v1 object is. */
export function v1RefOf(object: JsonObject): ObjectRef & { kind: NativeKind } {
  const kind = nativeKindOf(textAt(object, "kind"));
  if (kind === undefined) throw new Error(`no kind of Calico: ${textAt(object, "kind")}`);
  const name = textAt(object, "metadata", "name");
  const namespace = textAt(object, "metadata", "namespace");
  const ref = { kind, apiVersion: OLD, plural: kind.v1Plural, name };
  return kind.namespaced ? { ...ref, namespace } : ref;
}

/** A policy of the namespace `shop`, as the old group has it. */
export function policy(name: string, spec: JsonObject, stored: JsonObject = {}): JsonObject {
  const annotations = { [METADATA_ANNOTATION]: JSON.stringify({ name, ...stored }) };
  const metadata = { name, namespace: "shop", annotations };
  return { apiVersion: OLD, kind: "NetworkPolicy", metadata, spec };
}

async function createV1(cluster: FakeCluster, sample: JsonObject): Promise<void> {
  const { name, namespace, labels, annotations } = objectAt(sample, "metadata");
  const metadata = { name, namespace, labels, annotations };
  const { kind, ...ref } = v1RefOf(sample);
  await cluster.create(ref, { ...sample, metadata });
  const status = sample["status"];
  if (status !== undefined && kind.statusSubresource)
    await cluster.patch(ref, { status }, { type: "merge", subresource: "status" });
}

function ownedPolicy(owner: JsonObject): JsonObject {
  const uid = textAt(owner, "metadata", "uid");
  const reference = { apiVersion: OLD, kind: "GlobalNetworkSet", name: OWNER.name, uid };
  return policy("owned", { types: ["Ingress"] }, { ownerReferences: [reference] });
}

async function fillOthers(cluster: FakeCluster, uid: string): Promise<void> {
  const kind = "GlobalNetworkSet";
  const settings = await cluster.create(CONFIG_MAPS, configMap("settings", []));
  const other = {
    ...{ apiVersion: "v1", kind: "ConfigMap", name: "settings", blockOwnerDeletion: true },
    uid: textAt(settings, "metadata", "uid"),
  };
  const shown = { apiVersion: "projectcalico.org/v3", kind, name: OWNER.name, uid: convertUid(uid) ?? "" };
  const stored = { apiVersion: OLD, kind, name: OWNER.name, uid };
  await cluster.create(CONFIG_MAPS, configMap("mixed", [other, { ...shown, controller: true }]));
  await cluster.create(CONFIG_MAPS, configMap("older", [stored]));
  await cluster.create(CONFIG_MAPS, configMap("shown", [shown]));
  await cluster.create(APPLICATIONS, {
    apiVersion: APPLICATIONS.apiVersion,
    kind: "Application",
    metadata: { name: "calico", namespace: "shop" },
    spec: { destination: { name: "in-cluster" }, syncPolicy: { automated: { selfHeal: true } } },
    status: { resources: [{ group: "projectcalico.org", version: "v3", kind: "IPPool", name: "v4" }] },
  });
}

function configMap(name: string, ownerReferences: JsonObject[]): JsonObject {
  return {
    ...{ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "shop", ownerReferences } },
    data: { of: name },
  };
}
