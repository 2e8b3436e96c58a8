import { EtcdClient } from "../../shared/etcd/client.ts";
import { loadEtcdConfig } from "../../shared/etcd/config.ts";
import type { TargetGroup } from "../../shared/calico/kinds.ts";
import type { Connections } from "../../shared/engine/ports.ts";
import { connectKubernetes } from "../../shared/kubernetes/connection.ts";
import { AdaptiveLimiter } from "../../shared/kubernetes/limiter.ts";
import { loadManifests } from "../../shared/kubernetes/manifests.ts";
import type { ClusterConnections } from "../../shared/migrations/connections.ts";
import { installCrds } from "../harness/crds.ts";
import { type EtcdHandle, startEtcd } from "../harness/etcd.ts";
import { type KubernetesHandle, startKubernetes } from "../harness/kubernetes.ts";
import {
  type CalicoSeed,
  prepareKubernetes,
  seedCalico,
  type SeedOptions,
  writeSeed,
} from "../harness/seed.ts";

/** Both sides of a migration, seeded, and empty in the target. */
export interface Sides {
  etcd: EtcdHandle;
  kubernetes: KubernetesHandle;
  seed: CalicoSeed;
  stop(): Promise<void>;
}

/** Starts an etcd full of Calico's data and a Kubernetes with Calico's CRDs, namespaces and nodes. */
export async function startSides(
  seedOptions: SeedOptions,
  options: {
    group?: TargetGroup;
    generation?: string;
    controllers?: boolean;
    etcdTls?: boolean;
    /** Of the etcd that holds Calico's data. */
    etcdArgs?: readonly string[];
  } = {},
): Promise<Sides> {
  const seed = seedCalico(seedOptions);
  const [etcd, kubernetes] = await Promise.all([
    startEtcd({ tls: options.etcdTls ?? false, extraArgs: options.etcdArgs ?? [] }),
    startKubernetes({ local: true, controllers: options.controllers ?? false }),
  ]);
  await installCrds(kubernetes, options.group ?? "crd.projectcalico.org/v1", options.generation);
  await Promise.all([writeSeed(etcd, seed), prepareKubernetes(kubernetes, seed)]);
  return {
    etcd,
    kubernetes,
    seed,
    stop: async () => {
      await Promise.all([etcd.stop(), kubernetes.stop()]);
    },
  };
}

/** Where both sides are. */
export interface SidesAddress {
  /** Left out for a cluster without an etcd of Calico's. */
  etcdEndpoint?: string;
  /** For an etcd with TLS. */
  etcdFiles?: Partial<Pick<EtcdHandle, "caFile" | "certFile" | "keyFile">>;
  kubeconfig: string;
}

/** Real connections to both sides, opened once. */
export function connectionsTo(
  sides: SidesAddress,
  concurrency = 32,
): Connections<ClusterConnections> & { close: () => void } {
  let opened: Promise<ClusterConnections & { close: () => void }> | undefined;
  return {
    open: () => (opened ??= connect(sides, concurrency)),
    close: () =>
      void opened?.then((connections) => {
        connections.close();
      }),
  };
}

async function connect(
  sides: SidesAddress,
  concurrency: number,
): Promise<ClusterConnections & { close: () => void }> {
  const kubernetes = await connectKubernetes({
    kubeconfig: sides.kubeconfig,
    userAgent: "calico-migrator-test",
    connections: concurrency,
  });
  const etcd = await connectEtcd(sides);
  const limiter = new AdaptiveLimiter({ max: concurrency });
  return {
    kubernetes,
    limiter,
    loadManifests,
    etcd: () => {
      if (etcd === undefined) throw new Error("this cluster has no etcd of Calico's");
      return etcd;
    },
    close: () => {
      etcd?.close();
    },
  };
}

async function connectEtcd({ etcdEndpoint, etcdFiles }: SidesAddress): Promise<EtcdClient | undefined> {
  if (etcdEndpoint === undefined) return undefined;
  return EtcdClient.connect(await loadEtcdConfig({ endpoints: [etcdEndpoint], ...etcdFiles }));
}
