import type { TestApi } from "./api.ts";
import type { EtcdHandle } from "./etcd.ts";
import { dockerAnswers, kindIsInstalled, startKindKubernetes, useKubernetes } from "./external-kubernetes.ts";
import { isReleaseGiven } from "./kubernetes-release.ts";
import { startLocalKubernetes } from "./local-kubernetes.ts";

/** What a test needs of its cluster. */
export interface KubernetesOptions {
  /** Run the controllers, the scheduler and fake kubelets, so that workloads roll out. Default false. */
  controllers?: boolean;
  /** How many nodes there must be, named node-0, node-1 … in a local cluster. Default 0. */
  nodes?: number;
  /**
   * Insist on a cluster made by this process out of etcd and kube-apiserver: for tests that kill the API server, that
   * look into its etcd, or that need it empty. Default false.
   */
  local?: boolean;
  /** Flags added to kube-apiserver, which makes the cluster local. */
  apiServerArgs?: readonly string[];
  /** Flags added to the etcd of a local cluster. */
  etcdArgs?: readonly string[];
}

/** A real Kubernetes API to test against. */
export interface KubernetesHandle {
  /** Where it came from: an environment variable, kind, or this process. */
  readonly origin: "kubeconfig" | "kind" | "local";
  /** Path of a kubeconfig file with an administrator's rights. */
  readonly kubeconfig: string;
  readonly server: string;
  /** The administrator's bearer token; empty where the cluster authenticates otherwise. */
  readonly token: string;
  /** The test bed's own client, with an administrator's rights. */
  readonly api: TestApi;
  /** The etcd behind a local cluster. */
  readonly etcd: EtcdHandle | undefined;
  /** Runs kubectl against it and returns its output. */
  kubectl(args: readonly string[]): Promise<string>;
  /** Path of a kubeconfig of a user who may do nothing. */
  unprivilegedKubeconfig(): Promise<string>;
  /** Runs the controllers from now on, and returns when its nodes are ready; local clusters only. */
  startControllers(): Promise<void>;
  /** SIGKILL to kube-apiserver; local clusters only. */
  kill(): void;
  /** Starts kube-apiserver again on the same port and data, killing it first if it runs; local clusters only. */
  restart(): Promise<void>;
  /** Ends what this handle started; a cluster that was given is left alone. */
  stop(): Promise<void>;
}

/**
 * A Kubernetes cluster for a test: one of the release that CALICO_MIGRATOR_TEST_KUBERNETES names, else the one that CALICO_MIGRATOR_TEST_KUBECONFIG names, else one made by kind where a
 * Docker engine answers, else etcd and kube-apiserver on 127.0.0.1 (ready in about 4 seconds once they are built).
 *
 * @throws MigratorError TEST_CLUSTER_UNAVAILABLE, listing the options, when none can be had.
 */
export async function startKubernetes(options: KubernetesOptions = {}): Promise<KubernetesHandle> {
  if (options.local === true || options.apiServerArgs !== undefined) return startLocalKubernetes(options);
  const source = await clusterSource();
  if (source.origin === "kubeconfig") return useKubernetes(source.path, options);
  return source.origin === "kind" ? startKindKubernetes(options) : startLocalKubernetes(options);
}

/** Where {@link startKubernetes} gets a cluster from on this machine. */
export async function clusterSource(): Promise<
  { origin: "kubeconfig"; path: string } | { origin: "kind" } | { origin: "local" }
> {
  if (isReleaseGiven()) return { origin: "local" };
  const path = process.env["CALICO_MIGRATOR_TEST_KUBECONFIG"] ?? "";
  if (path !== "") return { origin: "kubeconfig", path };
  return { origin: kindIsInstalled() && (await dockerAnswers()) ? "kind" : "local" };
}
