import type { Etcd3 } from "etcd3";
import { mustRequest } from "./api.ts";
import { withEtcdClient } from "./etcd-kv.ts";
import type { EtcdHandle } from "./etcd.ts";
import type { KubernetesHandle } from "./kubernetes.ts";
import { createNodes } from "./nodes.ts";
import { inParallel } from "./parallel.ts";
import { derivedEntries } from "./seed/derived.ts";
import { EDGE_CASES, type EdgeCase, edgeEntries } from "./seed/edges.ts";
import type { SeedEntry } from "./seed/entries.ts";
import { ipamEntries } from "./seed/ipam.ts";
import { networkEntries, type NetworkOptions } from "./seed/network.ts";
import { planSeed, type SeedPlan, type SeedSize } from "./seed/plan.ts";
import { policyEntries } from "./seed/policies.ts";

/** What a seeded datastore is to hold. */
export interface SeedOptions extends SeedSize {
  /** Edge cases to add: those named, or `true` for all. Default none. */
  edges?: readonly EdgeCase[] | boolean;
  /** False leaves BGP peers without filters, so that calicoctl can import the data. Default true. */
  peerFilters?: boolean;
}

/** An etcdv3 Calico datastore to be written, the same for the same options. */
export interface CalicoSeed {
  /** How many resources a migration has to carry, edge cases apart. */
  readonly resources: number;
  /** Kubernetes namespaces that the data refers to. */
  readonly namespaces: readonly string[];
  /** Kubernetes nodes that the data refers to, by their Kubernetes names. */
  readonly kubernetesNodes: readonly string[];
  /** All keys and values, each key once. */
  entries(): Iterable<SeedEntry>;
}

/** Makes up a datastore with all kinds of resources in it, in the proportions of large clusters. */
export function seedCalico(options: SeedOptions): CalicoSeed {
  const plan = planSeed(options);
  const network = { peerFilters: options.peerFilters ?? true };
  const edges = options.edges === true ? EDGE_CASES : options.edges === false ? [] : (options.edges ?? []);
  return {
    resources: plan.resources,
    namespaces: plan.namespaces,
    kubernetesNodes: plan.nodes.map(({ kubernetesName }) => kubernetesName),
    *entries() {
      const added = new Map(
        edges.flatMap((edge) => edgeEntries(edge, plan)).map((entry) => [entry.key, entry]),
      );
      for (const entry of ordinaryEntries(plan, network)) if (!added.has(entry.key)) yield entry;
      yield* added.values();
    },
  };
}

function* ordinaryEntries(plan: SeedPlan, network: NetworkOptions): Generator<SeedEntry> {
  yield* networkEntries(plan, network);
  yield* policyEntries(plan);
  yield* ipamEntries(plan);
  yield* derivedEntries(plan);
}

/** Writes a seed into an etcd, a hundred keys to a transaction (some 10,000 keys a second). */
export async function writeSeed(etcd: EtcdHandle, seed: CalicoSeed): Promise<void> {
  await withEtcdClient(etcd, (client) =>
    inParallel(chunks(seed.entries(), 100), 8, (entries) => put(client, entries)),
  );
}

async function put(client: Etcd3, entries: readonly SeedEntry[]): Promise<void> {
  const puts = entries.map(({ key, value }) => client.put(key).value(value));
  await client
    .if("always", "Version", ">", -1)
    .then(...puts)
    .commit();
}

function* chunks<T>(items: Iterable<T>, size: number): Generator<T[]> {
  let chunk: T[] = [];
  for (const item of items) {
    if (chunk.push(item) < size) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

/** Creates the namespaces and nodes that a seed refers to, where they do not exist yet. */
export async function prepareKubernetes(handle: KubernetesHandle, seed: CalicoSeed): Promise<void> {
  await inParallel(seed.namespaces, 16, async (name) => {
    const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
    await mustRequest(handle.api, "POST", "/api/v1/namespaces", namespace, { accepted: [409] });
  });
  await createNodes(handle.api, seed.kubernetesNodes);
}
