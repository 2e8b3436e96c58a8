import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { stringify } from "yaml";
import { errorMessage } from "../../shared/errors.ts";
import { openApi } from "./api.ts";
import { testClusterUnavailable } from "./binaries.ts";
import type { KubernetesHandle, KubernetesOptions } from "./kubernetes.ts";
import { waitForReadyNodes } from "./nodes.ts";
import { removeFolder, temporaryFolder } from "./temporary-folder.ts";
import { createUnprivilegedKubeconfig } from "./unprivileged.ts";

const execute = promisify(execFile);
const DOCKER_TIMEOUT_MS = 5_000;

/** True when the `kind` command is on the PATH. */
export function kindIsInstalled(): boolean {
  return (process.env["PATH"] ?? "").split(delimiter).some((dir) => isExecutable(join(dir, "kind")));
}

/** True when a Docker engine answers; an installed client alone does not count. */
export async function dockerAnswers(): Promise<boolean> {
  try {
    await execute("docker", ["info", "--format", "{{.ServerVersion}}"], { timeout: DOCKER_TIMEOUT_MS });
    return true;
  } catch {
    return false;
  }
}

/** Uses a cluster that somebody made for tests. */
export async function useKubernetes(
  kubeconfig: string,
  options: KubernetesOptions,
): Promise<KubernetesHandle> {
  return externalHandle("kubeconfig", kubeconfig, options, () => Promise.resolve());
}

/** Makes a cluster with kind: one control plane, and the workers that `nodes` asks for. Takes about half a minute. */
export async function startKindKubernetes(options: KubernetesOptions): Promise<KubernetesHandle> {
  const name = `calico-migrator-${randomBytes(4).toString("hex")}`;
  const folder = temporaryFolder("kind");
  const kubeconfig = join(folder, "kubeconfig");
  const config = join(folder, "kind.yaml");
  const workers = Array.from({ length: Math.max(0, (options.nodes ?? 0) - 1) }, () => ({ role: "worker" }));
  writeFileSync(
    config,
    stringify({
      apiVersion: "kind.x-k8s.io/v1alpha4",
      kind: "Cluster",
      nodes: [{ role: "control-plane" }, ...workers],
    }),
  );
  const place = ["--name", name, "--kubeconfig", kubeconfig];
  const remove = async () => {
    await execute("kind", ["delete", "cluster", ...place]);
    removeFolder(folder);
  };
  try {
    await execute("kind", ["create", "cluster", ...place, "--config", config, "--wait", "120s"]);
    return await externalHandle("kind", kubeconfig, options, remove);
  } catch (error) {
    await remove();
    throw error;
  }
}

async function externalHandle(
  origin: "kubeconfig" | "kind",
  kubeconfig: string,
  { nodes = 0 }: KubernetesOptions,
  remove: () => Promise<void>,
): Promise<KubernetesHandle> {
  const api = await openApi(kubeconfig).catch((error: unknown) => {
    throw testClusterUnavailable(`${kubeconfig} cannot be used: ${errorMessage(error)}`);
  });
  if (nodes > 0) await waitForReadyNodes(api, nodes);
  const folder = temporaryFolder("external");
  const notOurs = () => new Error(`a cluster from ${origin} is not this test's to start or stop`);
  return {
    origin,
    kubeconfig,
    server: api.server,
    token: api.token,
    api,
    etcd: undefined,
    kubectl: async (args) => (await execute("kubectl", [`--kubeconfig=${kubeconfig}`, ...args])).stdout,
    unprivilegedKubeconfig: () => createUnprivilegedKubeconfig(api, folder),
    startControllers: () => Promise.reject(notOurs()),
    kill: () => {
      throw notOurs();
    },
    restart: () => Promise.reject(notOurs()),
    stop: async () => {
      await api.close();
      removeFolder(folder);
      await remove();
    },
  };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
