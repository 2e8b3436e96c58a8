import { join } from "node:path";
import { ensureBinaries } from "../../harness/binaries.ts";
import { freePort, listens } from "../../harness/ports.ts";
import { type ServerProcess, startServer } from "../../harness/processes.ts";
import { untilReady } from "../../harness/ready.ts";
import { removeFolder, temporaryFolder } from "../../harness/temporary-folder.ts";

/** A kube-controller-manager that does nothing but collect garbage and finish the deletion of namespaces. */
export interface GarbageCollector {
  stop(): Promise<void>;
}

/**
 * Starts it for the cluster of a kubeconfig. What is served at that moment is watched at once; of what is served later
 * it learns within 30 seconds.
 */
export async function startGarbageCollector(kubeconfig: string): Promise<GarbageCollector> {
  const { "kube-controller-manager": path } = await ensureBinaries(["kube-controller-manager"]);
  const folder = temporaryFolder("garbage-collector");
  const port = await freePort();
  const server: ServerProcess = await startServer({
    name: "kube-controller-manager",
    path,
    logFile: join(folder, "kube-controller-manager.log"),
    args: [
      `--kubeconfig=${kubeconfig}`,
      "--controllers=garbage-collector-controller,namespace-controller",
      "--leader-elect=false",
      "--bind-address=127.0.0.1",
      `--secure-port=${port}`,
      `--cert-dir=${join(folder, "certificates")}`,
    ],
  });
  await untilReady(server, () => listens(port));
  return {
    stop: async () => {
      await server.end("SIGKILL");
      removeFolder(folder);
    },
  };
}
