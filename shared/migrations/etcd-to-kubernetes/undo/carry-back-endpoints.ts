import { z } from "zod";
import { workloadEndpointOf, type StoredEndpoint } from "../../../calico/workload-endpoint.ts";
import type { BatchOutcome, Sweep } from "../../../engine/migration.ts";
import type { BatchRecord, Checkpoint } from "../../../engine/records.ts";
import type { EtcdKeyValue } from "../../../etcd/types.ts";
import type { JsonObject } from "../../../json.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import type { ClusterConnections } from "../../connections.ts";
import { type Context, conversion } from "../context.ts";
import { lossRow, recordLosses } from "../not-carried-back.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { call, listPage, orAbsent } from "../../target/calls.ts";
import { nextKeyRange, valuesInRange } from "./etcd-ranges.ts";

const PREFIX = "/calico/resources/v3/projectcalico.org/workloadendpoints/";
const PAGE = 200;

const Cursor = z.object({ from: z.string(), done: z.boolean() });
const Scope = z.union([z.object({ pods: z.literal(true) }), z.object({ from: z.string(), to: z.string() })]);
const Progress = z.object({ continueToken: z.string() });
const Endpoint = z.object({
  metadata: z.object({ namespace: z.string() }),
  spec: z.object({
    orchestrator: z.string(),
    pod: z.string(),
    node: z.string().default(""),
    containerID: z.string().default(""),
    ipNetworks: z.array(z.string()).default([]),
  }),
});
type Endpoint = z.infer<typeof Endpoint>;

/**
 * The endpoints of pods are not carried forward, because the Kubernetes datastore computes them. Going back, etcd needs
 * those of the pods that started since, and must lose those of the pods that are gone: else the former have no policy,
 * and the latter would claim addresses that others have by now.
 */
export const carryBackEndpoints: Sweep<ClusterConnections, EtcdToKubernetesOptions> = {
  kind: "sweep",
  name: "carry-back-endpoints",
  title: "write the endpoints of pods that came since the unlock, delete those of pods that are gone",
  plan: async (context, previous) => {
    if (previous === undefined) {
      return {
        batches: [{ scope: { pods: true }, size: 0 }],
        cursor: { from: PREFIX, done: false },
        barrier: true,
      };
    }
    const cursor = Cursor.parse(previous);
    if (cursor.done) return { batches: [], done: true };
    const next = await nextKeyRange(context, PREFIX, cursor.from);
    if (next === undefined) return { batches: [], done: true };
    const { range, size, more } = next;
    return { batches: [{ scope: { ...range }, size }], cursor: { from: range.to, done: !more } };
  },
  work: async (context, batch) => {
    const scope = Scope.parse(batch.scope);
    return "pods" in scope ? writeEndpoints(context, batch) : deleteStale(context, scope);
  },
};

async function writeEndpoints(context: Context, batch: Readonly<BatchRecord>): Promise<BatchOutcome> {
  const { endpoints, outcome } = await readEndpoints(context, batch);
  const stored = await context.connections.etcd().getMany(endpoints.map(({ key }) => key));
  const changed = endpoints.filter((endpoint) => !isStored(endpoint, stored.get(endpoint.key)));
  for (const { key, value } of changed) {
    context.ensureHeld();
    await context.connections
      .etcd()
      .compareAndPut({ key, expectedModRevision: "any", value: JSON.stringify(value) });
  }
  return outcome;
}

/** Records the endpoints of pods that have no place in etcd, a page of pods at a time; writes nothing. */
export async function recordLostEndpoints(
  context: Context,
  batch: Readonly<BatchRecord>,
): Promise<BatchOutcome> {
  return (await readEndpoints(context, batch)).outcome;
}

/** A page of pods: the endpoints that etcd is to have, and where to go on. Those that it cannot have are recorded. */
async function readEndpoints(
  context: Context,
  batch: Readonly<BatchRecord>,
): Promise<{ endpoints: StoredEndpoint[]; outcome: BatchOutcome }> {
  const continueToken =
    batch.progress === undefined ? undefined : Progress.parse(batch.progress).continueToken;
  const pods = { apiVersion: "v1", plural: "pods" };
  const page = await listPage(context, pods, { limit: PAGE, continueToken }, "afresh");
  const { nodeNames } = await conversion(context);
  const found = page.items.map((pod) => ({
    pod,
    endpoint: workloadEndpointOf(pod, (name) => nodeNames.toEtcd(name)),
  }));
  const present = found.flatMap(({ pod, endpoint }) => (endpoint === undefined ? [] : [{ pod, endpoint }]));
  const isLost = (pod: JsonObject): boolean => !nodeNames.isReversible(textAt(pod, "spec", "nodeName"));
  await recordLosses(
    context,
    present.filter(({ pod }) => isLost(pod)).map(({ pod }) => lostEndpoint(pod)),
  );
  const endpoints = present.filter(({ pod }) => !isLost(pod)).map(({ endpoint }) => endpoint);
  const outcome: BatchOutcome =
    page.continueToken === undefined
      ? { done: true, counts: {} }
      : { more: true, progress: { continueToken: page.continueToken } };
  return { endpoints, outcome };
}

function lostEndpoint(pod: JsonObject): Checkpoint {
  const [namespace, name] = [textAt(pod, "metadata", "namespace"), textAt(pod, "metadata", "name")];
  const node = textAt(pod, "spec", "nodeName");
  const reason = `its endpoint names the node "${node}", and etcd already uses that name for another`;
  return lossRow("WorkloadEndpoint", `v1/pods/${namespace}/${name}`, pod, { reason });
}

/** An endpoint of the same sandbox, on the same node and with the same addresses, is left as the CNI plugin has written it. */
function isStored({ containerId, value }: StoredEndpoint, stored: EtcdKeyValue | undefined): boolean {
  const found = stored === undefined ? undefined : parse(stored)?.spec;
  const wanted = Endpoint.parse(value).spec;
  return (
    found?.containerID === containerId &&
    found.node === wanted.node &&
    found.ipNetworks.toSorted().join() === wanted.ipNetworks.toSorted().join()
  );
}

function parse({ value }: EtcdKeyValue): Endpoint | undefined {
  try {
    return Endpoint.safeParse(JSON.parse(value.toString("utf8"))).data;
  } catch {
    return undefined;
  }
}

async function deleteStale(context: Context, scope: { from: string; to: string }): Promise<BatchOutcome> {
  const etcd = context.connections.etcd();
  let deleted = 0;
  for await (const page of valuesInRange(context, scope)) {
    for (const stored of page) {
      const endpoint = parse(stored);
      if (endpoint?.spec.orchestrator !== "k8s" || !(await isStale(context, stored.key, endpoint))) continue;
      context.ensureHeld();
      const { key, modRevision } = stored;
      const { applied } = await etcd.compareAndDelete({ key, expectedModRevision: modRevision });
      if (applied) deleted++;
    }
  }
  return { done: true, counts: { deleted } };
}

/**
 * Stale is the endpoint of a pod that has another endpoint now, as it runs on another node; and of one that Kubernetes does
 * not have, or that has none any more, once IPAM has released its addresses.
 */
async function isStale(context: Context, key: string, { metadata, spec }: Endpoint): Promise<boolean> {
  const ref = { apiVersion: "v1", plural: "pods", namespace: metadata.namespace, name: spec.pod };
  const pod = await orAbsent(call(context, () => context.connections.kubernetes.get(ref)));
  const { nodeNames } = await conversion(context);
  if (pod !== undefined && !nodeNames.isReversible(textAt(pod, "spec", "nodeName"))) return true;
  const present = pod && workloadEndpointOf(pod, (name) => nodeNames.toEtcd(name));
  if (present !== undefined) return present.key !== key;
  const handle = `/calico/ipam/v2/handle/k8s-pod-network.${spec.containerID}`;
  return !(await context.connections.etcd().getMany([handle])).has(handle);
}
