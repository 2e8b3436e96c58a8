import { join } from "node:path";
import { installCrds } from "../harness/crds.ts";
import { type EtcdHandle, startEtcd } from "../harness/etcd.ts";
import { type KubernetesHandle, type KubernetesOptions, startKubernetes } from "../harness/kubernetes.ts";
import { type CalicoSeed, prepareKubernetes, seedCalico, writeSeed } from "../harness/seed.ts";

/** Simulated nodes roll out in seconds up to about this many. */
const MOST_NODES = 20;

/** A cluster that is ready to be migrated. */
export interface StageSet {
  /** What the command line has to be told of it. */
  words: readonly string[];
  stop: () => Promise<void>;
}

/** A cluster whose Calico uses etcd. */
export interface EtcdStageSet extends StageSet {
  kubernetes: KubernetesHandle;
  etcd: EtcdHandle;
  seed: CalicoSeed;
}

/** The manifest of Calico with this datastore. */
export function manifestOf(datastore: "etcd" | "kubernetes"): string {
  return join(import.meta.dirname, "manifests", `calico-${datastore}.yaml`);
}

/**
 * Obtains a real etcd and a real Kubernetes API with simulated nodes, seeds Calico's data, and deploys the Calico that
 * uses etcd. `tell` is told what is being done.
 */
export async function buildStageSet(
  options: { resources: number; kubernetes?: KubernetesOptions },
  tell: (text: string) => void,
): Promise<EtcdStageSet> {
  const seed = seedCalico({ resources: options.resources, nodes: nodesFor(options.resources) });
  tell("starting etcd and Kubernetes (the first time they are built, which takes about 5 minutes)");
  const etcd = await startEtcd();
  const kubernetes = await startKubernetes({ controllers: true, ...options.kubernetes }).catch(
    async (error: unknown) => {
      await etcd.stop();
      throw error;
    },
  );
  const stop = async (): Promise<void> => {
    await kubernetes.stop();
    await etcd.stop();
  };
  try {
    tell(`seeding ${seed.resources} resources of Calico into etcd`);
    await writeSeed(etcd, seed);
    await prepareKubernetes(kubernetes, seed);
    await installCrds(kubernetes, "crd.projectcalico.org/v1");
    tell("deploying the Calico that uses etcd");
    await kubernetes.kubectl(["apply", `--filename=${manifestOf("etcd")}`]);
    const words = [
      ...["--kubeconfig", kubernetes.kubeconfig, "--etcd-endpoints", etcd.endpoint],
      ...["--manifest", manifestOf("kubernetes"), "--rollback-manifest", manifestOf("etcd")],
    ];
    return { words, kubernetes, etcd, seed, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function nodesFor(resources: number): number {
  return Math.min(MOST_NODES, Math.max(4, Math.round(resources / 40)));
}
