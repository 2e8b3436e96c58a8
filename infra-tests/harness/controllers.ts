import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ApiServerSetup, SERVICE_CIDR } from "./api-server.ts";
import { ensureBinaries } from "./binaries.ts";
import { kwokConfig } from "./kwok-config.ts";
import { freePort, listens } from "./ports.ts";
import { type ServerProcess, startServer } from "./processes.ts";
import { untilReady } from "./ready.ts";

// Wide enough for 4,096 nodes with a /24 each.
const CLUSTER_CIDR = "10.240.0.0/12";

/**
 * Starts what makes workloads of a bare API server roll out: kube-controller-manager, kube-scheduler, and KWOK as the
 * kubelets of all nodes. Returns when all three serve.
 */
export async function startControllers(setup: ApiServerSetup): Promise<ServerProcess[]> {
  const paths = await ensureBinaries(["kube-controller-manager", "kube-scheduler", "kwok"]);
  const servers = await Promise.all([
    startComponent(setup, "kube-controller-manager", paths["kube-controller-manager"], [
      `--service-account-private-key-file=${setup.serviceAccountKey}`,
      `--root-ca-file=${setup.caFile}`,
      "--use-service-account-credentials=true",
      "--allocate-node-cidrs=true",
      `--cluster-cidr=${CLUSTER_CIDR}`,
      "--node-cidr-mask-size-ipv4=24",
      `--service-cluster-ip-range=${SERVICE_CIDR}`,
    ]),
    startComponent(setup, "kube-scheduler", paths["kube-scheduler"], []),
    startKwok(setup, paths.kwok),
  ]);
  return servers;
}

async function startComponent(
  setup: ApiServerSetup,
  name: string,
  path: string,
  args: readonly string[],
): Promise<ServerProcess> {
  const { kubeconfig, folder, caFile } = setup;
  const port = await freePort();
  const server = await startServer({
    name,
    path,
    logFile: join(folder, `${name}.log`),
    args: [
      `--kubeconfig=${kubeconfig}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      `--client-ca-file=${caFile}`,
      "--leader-elect=false",
      "--bind-address=127.0.0.1",
      `--secure-port=${port}`,
      `--cert-dir=${join(folder, name)}`,
      "--authorization-always-allow-paths=/healthz",
      ...args,
    ],
  });
  // Its certificate signs itself; that it listens is all that matters here.
  await untilReady(server, () => listens(port));
  return server;
}

async function startKwok(setup: ApiServerSetup, path: string): Promise<ServerProcess> {
  const config = join(setup.folder, "kwok.yaml");
  writeFileSync(config, kwokConfig());
  const port = await freePort();
  const server = await startServer({
    name: "kwok",
    path,
    logFile: join(setup.folder, "kwok.log"),
    args: [
      `--kubeconfig=${setup.kubeconfig}`,
      `--config=${config}`,
      "--manage-all-nodes=true",
      "--node-ip=127.0.0.1",
      "--node-lease-duration-seconds=40",
      `--server-address=127.0.0.1:${port}`,
    ],
  });
  await untilReady(server, async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).ok);
  return server;
}
