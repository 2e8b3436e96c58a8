import { z } from "zod";
import { workloadEndpointOf, type StoredEndpoint } from "../../../calico/workload-endpoint.ts";
import type { BatchOutcome, Sweep } from "../../../engine/migration.ts";
import type { BatchRecord } from "../../../engine/records.ts";
import { prefixEnd } from "../../../etcd/keys.ts";
import type { EtcdKeyValue } from "../../../etcd/types.ts";
import type { ClusterConnections } from "../../connections.ts";
import { type Context, conversion } from "../context.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { call, listPage, orAbsent } from "../../target/calls.ts";

const PREFIX = "/calico/resources/v3/projectcalico.org/workloadendpoints/";
const PAGE = 200;

const Cursor = z.object({ from: z.string(), done: z.boolean() });
const Scope = z.union([z.object({ pods: z.literal(true) }), z.object({ from: z.string(), to: z.string() })]);
const Progress = z.object({ continueToken: z.string() });
const Endpoint = z.object({
  metadata: z.object({ namespace: z.string() }),
  spec: z.object({ orchestrator: z.string(), pod: z.string(), containerID: z.string().default("") }),
});

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
    const query = { from: cursor.from, to: prefixEnd(PREFIX), limit: PAGE, keysOnly: true };
    const { kvs, more } = await context.connections.etcd().range(query);
    const last = kvs.at(-1);
    const next = last === undefined ? cursor.from : `${last.key}\0`;
    const batches = last === undefined ? [] : [{ scope: { from: cursor.from, to: next }, size: kvs.length }];
    return { batches, cursor: { from: next, done: !more } };
  },
  work: async (context, batch) => {
    const scope = Scope.parse(batch.scope);
    return "pods" in scope ? writeEndpoints(context, batch) : deleteStale(context, scope);
  },
};

async function writeEndpoints(context: Context, batch: Readonly<BatchRecord>): Promise<BatchOutcome> {
  const continueToken =
    batch.progress === undefined ? undefined : Progress.parse(batch.progress).continueToken;
  const pods = { apiVersion: "v1", plural: "pods" };
  const page = await listPage(context, pods, { limit: PAGE, continueToken }, "afresh");
  const { nodeNames } = await conversion(context);
  const found = page.items.map((pod) => workloadEndpointOf(pod, (name) => nodeNames.toEtcd(name)));
  const endpoints = found.filter((endpoint) => endpoint !== undefined);
  const stored = await context.connections.etcd().getMany(endpoints.map(({ key }) => key));
  const changed = endpoints.filter((endpoint) => !isStored(endpoint, stored.get(endpoint.key)));
  for (const { key, value } of changed) {
    context.ensureHeld();
    await context.connections
      .etcd()
      .compareAndPut({ key, expectedModRevision: "any", value: JSON.stringify(value) });
  }
  if (page.continueToken !== undefined)
    return { more: true, progress: { continueToken: page.continueToken } };
  return { done: true, counts: {} };
}

/** An endpoint of the same sandbox is left as the CNI plugin has written it. */
function isStored({ containerId }: StoredEndpoint, stored: EtcdKeyValue | undefined): boolean {
  return stored !== undefined && parse(stored)?.spec.containerID === containerId;
}

function parse({ value }: EtcdKeyValue): z.infer<typeof Endpoint> | undefined {
  try {
    return Endpoint.safeParse(JSON.parse(value.toString("utf8"))).data;
  } catch {
    return undefined;
  }
}

async function deleteStale(context: Context, scope: { from: string; to: string }): Promise<BatchOutcome> {
  const etcd = context.connections.etcd();
  let deleted = 0;
  for (const stored of (await etcd.range({ ...scope, limit: PAGE })).kvs) {
    const endpoint = parse(stored);
    if (endpoint?.spec.orchestrator !== "k8s" || !(await isGone(context, endpoint))) continue;
    context.ensureHeld();
    const { applied } = await etcd.compareAndDelete({
      key: stored.key,
      expectedModRevision: stored.modRevision,
    });
    if (applied) deleted++;
  }
  return { done: true, counts: { deleted } };
}

/** Gone is a pod that Kubernetes does not have, and whose addresses IPAM has released. */
async function isGone(context: Context, { metadata, spec }: z.infer<typeof Endpoint>): Promise<boolean> {
  const ref = { apiVersion: "v1", plural: "pods", namespace: metadata.namespace, name: spec.pod };
  const handle = `/calico/ipam/v2/handle/k8s-pod-network.${spec.containerID}`;
  if ((await context.connections.etcd().getMany([handle])).size > 0) return false;
  return (await orAbsent(call(context, () => context.connections.kubernetes.get(ref)))) === undefined;
}
