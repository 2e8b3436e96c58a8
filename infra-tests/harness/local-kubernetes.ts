import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { launchApiServer, prepareApiServer } from "./api-server.ts";
import { ensureBinaries } from "./binaries.ts";
import { startControllers } from "./controllers.ts";
import { startEtcd } from "./etcd.ts";
import { kubernetesRelease, mutatingArguments } from "./kubernetes-release.ts";
import type { KubernetesHandle, KubernetesOptions } from "./kubernetes.ts";
import { createNodes, nudgePods, waitForReadyNodes } from "./nodes.ts";
import type { ServerProcess } from "./processes.ts";
import { removeFolder, temporaryFolder } from "./temporary-folder.ts";
import { createUnprivilegedKubeconfig } from "./unprivileged.ts";

/** Starts an etcd and a kube-apiserver of this test's own, and what `options` add to them. */
export async function startLocalKubernetes(options: KubernetesOptions): Promise<KubernetesHandle> {
  const { "kube-apiserver": binary } = await ensureBinaries(["kube-apiserver"]);
  const folder = temporaryFolder("kubernetes");
  const etcd = await startEtcd({ extraArgs: options.etcdArgs ?? [] });
  const setup = await prepareApiServer(binary, folder, etcd, [
    ...mutatingArguments(kubernetesRelease()),
    ...(options.apiServerArgs ?? []),
  ]);
  const remove = async () => {
    await setup.api.close();
    await etcd.stop();
    removeFolder(folder);
  };
  let apiServer = await launchApiServer(setup).catch(async (error: unknown) => {
    await remove();
    throw error;
  });
  const servers: ServerProcess[] = [];
  const handle: KubernetesHandle = {
    origin: "local",
    kubeconfig: setup.kubeconfig,
    server: setup.server,
    token: setup.token,
    api: setup.api,
    etcd,
    kubectl: (args) => runKubectl(setup.kubeconfig, args),
    unprivilegedKubeconfig: () => createUnprivilegedKubeconfig(setup.api, folder),
    startControllers: async () => {
      servers.push(...(await startControllers(setup)));
      await waitForReadyNodes(setup.api, options.nodes ?? 0);
    },
    kill: () => {
      apiServer.signal("SIGKILL");
    },
    restart: async () => {
      await apiServer.end("SIGKILL");
      apiServer = await launchApiServer(setup);
      if (servers.length > 0) await nudgePods(setup.api);
    },
    stop: async () => {
      // kube-apiserver waits for minutes on SIGTERM once its etcd is gone.
      await Promise.all([...servers, apiServer].map((server) => server.end("SIGKILL")));
      await remove();
    },
  };
  try {
    await createNodes(
      handle.api,
      Array.from({ length: options.nodes ?? 0 }, (_, index) => `node-${index}`),
    );
    if (options.controllers === true) await handle.startControllers();
  } catch (error) {
    await handle.stop();
    throw error;
  }
  return handle;
}

/** Runs the pinned kubectl, built on first use. Throws an Error with kubectl's own message when it fails. */
async function runKubectl(kubeconfig: string, args: readonly string[]): Promise<string> {
  const { kubectl } = await ensureBinaries(["kubectl"]);
  const { stdout } = await promisify(execFile)(kubectl, [`--kubeconfig=${kubeconfig}`, ...args], {
    maxBuffer: 256 * 1024 * 1024,
    env: { PATH: process.env["PATH"], HOME: join(kubeconfig, "..") },
  });
  return stdout;
}
