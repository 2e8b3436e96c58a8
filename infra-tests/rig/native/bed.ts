import { type AggregatedApi, startAggregatedApi } from "../../harness/aggregated/aggregated.ts";
import { SERVED_KINDS } from "../../harness/aggregated/kinds.ts";
import type { TestApi } from "../../harness/api.ts";
import { installCrds } from "../../harness/crds.ts";
import { kubernetesRelease } from "../../harness/kubernetes-release.ts";
import { type KubernetesHandle, startKubernetes } from "../../harness/kubernetes.ts";
import { removeFolder, temporaryFolder } from "../../harness/temporary-folder.ts";
import { waitUntil } from "../../harness/wait.ts";
import { calicoOfBeds } from "./calico-of-beds.ts";
import { componentsReady, createComponents, type InstallNamespace } from "./components.ts";
import { startGarbageCollector } from "./garbage-collector.ts";
import { writeNativeManifest } from "./manifest.ts";
import type { Dependant } from "./owners.ts";
import { planNative } from "./plan.ts";
import { writeOldGroup } from "./write.ts";

/** What a bed is to hold and to run. */
export interface NativeBedOptions {
  /** How many objects of the old group there are, all kinds together; at least 100. */
  resources: number;
  /**
   * Run the garbage collector, and return when it watches all of projectcalico.org/v3. Default true; with nodes it runs
   * in any case, and false only spares the wait.
   */
  controllers?: boolean;
  /** Simulated nodes on which Calico's workloads roll out; from 1 on all controllers run. Default 0. */
  nodes?: number;
  /** Put admission policies into the manifest, beside the CRDs, as Calico's has them. Default true. */
  admissionPolicies?: boolean;
  /** Apply the manifest, as users may have done ahead of time. Default false. */
  applied?: boolean;
  /** Where Calico's workloads live. Default kube-system. */
  namespace?: InstallNamespace;
  /** More arguments of the API server. */
  apiServerArgs?: readonly string[];
  /** More arguments of the API server's etcd. */
  etcdArgs?: readonly string[];
}

/** A cluster that uses Calico with the aggregated API server, ready to be migrated to native CRDs. */
export interface NativeBed {
  kubernetes: KubernetesHandle;
  api: TestApi;
  aggregated: AggregatedApi;
  /** How many objects of each kind the native group must have afterwards. */
  expected: ReadonlyMap<string, number>;
  /** How many of them belong to another one. */
  owned: number;
  /** The ConfigMaps that belong to objects of Calico. */
  dependants: readonly Dependant[];
  /** Where Calico's workloads live; the aggregated API server's has a namespace of its own. */
  namespace: InstallNamespace;
  /** Path of the native group's manifest. */
  manifestFile: string;
  stop(): Promise<void>;
}

/**
 * Starts a local cluster with the old group's CRDs and objects, an aggregated API server that really serves them as
 * projectcalico.org/v3, and the workloads of a manifest install. The same options always make the same objects.
 */
export async function startNativeBed(options: NativeBedOptions): Promise<NativeBed> {
  const started = new AsyncDisposableStack();
  try {
    return await build(options, started);
  } catch (error) {
    await started.disposeAsync();
    throw error;
  }
}

async function build(options: NativeBedOptions, started: AsyncDisposableStack): Promise<NativeBed> {
  const { nodes = 0, namespace = "kube-system" } = options;
  const calico = calicoOfBeds();
  const folder = started.adopt(temporaryFolder("native-bed"), removeFolder);
  const manifestFile = writeNativeManifest(folder, { mutating: mutatingOf(options), calico });
  const { apiServerArgs = [], etcdArgs = [] } = options;
  const kubernetes = await startKubernetes({ local: true, nodes, apiServerArgs, etcdArgs });
  started.defer(() => kubernetes.stop());
  const { api } = kubernetes;
  await installCrds(kubernetes, "crd.projectcalico.org/v1", calico);
  const { counts, owned, dependants } = await writeOldGroup(api, planNative(options.resources));
  const aggregated = await startAggregatedApi(api);
  started.defer(() => aggregated.stop());
  await createComponents(api, namespace, calico);
  if (options.applied === true) await applyManifest(kubernetes, manifestFile);
  // Last, as the garbage collector looks only every 30 seconds for what is served since it began.
  if (nodes > 0) await kubernetes.startControllers();
  else if (options.controllers !== false)
    started.adopt(await startGarbageCollector(kubernetes.kubeconfig), (one) => one.stop());
  if (options.controllers !== false) await everythingWatched(aggregated);
  if (nodes > 0) await componentsReady(api, namespace);
  return {
    kubernetes,
    api,
    aggregated,
    expected: counts,
    owned,
    dependants,
    namespace,
    manifestFile,
    stop: () => started.disposeAsync(),
  };
}

/**
 * In a version that the cluster does not serve, as in a manifest for another Kubernetes: a run makes up for that, and whoever
 * applies it does not.
 */
function mutatingOf({ admissionPolicies = true, applied = false }: NativeBedOptions) {
  if (!admissionPolicies) return undefined;
  const served = kubernetesRelease().mutating ?? "v1";
  if (applied) return served;
  return served === "v1" ? "v1beta1" : "v1";
}

async function applyManifest(kubernetes: KubernetesHandle, file: string): Promise<void> {
  await kubernetes.kubectl(["apply", "--server-side", `--filename=${file}`]);
  await kubernetes.kubectl(["wait", "--for=condition=Established", "--timeout=60s", "crd", "--all"]);
}

async function everythingWatched(aggregated: AggregatedApi): Promise<void> {
  await waitUntil({ what: "the garbage collector watches projectcalico.org/v3", timeoutMs: 90_000 }, () => {
    const watched = aggregated.watched("kube-controller-manager");
    return [...SERVED_KINDS.keys()].every((plural) => watched.has(plural));
  });
}
