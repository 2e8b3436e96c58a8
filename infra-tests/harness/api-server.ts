import { generateKeyPairSync, randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openApi, type TestApi } from "./api.ts";
import { type Authority, createAuthority, createCertificate, writeCertificate } from "./certificates.ts";
import type { EtcdHandle } from "./etcd.ts";
import { writeKubeconfig } from "./kubeconfig.ts";
import { freePort } from "./ports.ts";
import { type ServerProcess, startServer } from "./processes.ts";
import { untilReady } from "./ready.ts";

/** Addresses that the cluster hands out; tests need none of them to be reachable. */
export const SERVICE_CIDR = "10.96.0.0/16";

/** Everything about one kube-apiserver that stays the same over its restarts. */
export interface ApiServerSetup {
  readonly binary: string;
  readonly folder: string;
  readonly kubeconfig: string;
  readonly server: string;
  readonly token: string;
  readonly authority: Authority;
  readonly caFile: string;
  readonly serviceAccountKey: string;
  readonly args: readonly string[];
  readonly api: TestApi;
}

/** Makes keys, certificates, the administrator's token and the kubeconfig of an API server, without starting it. */
export async function prepareApiServer(
  binary: string,
  folder: string,
  etcd: EtcdHandle,
  extraArgs: readonly string[],
): Promise<ApiServerSetup> {
  const port = await freePort();
  const server = `https://127.0.0.1:${port}`;
  const token = randomBytes(16).toString("hex");
  const authority = createAuthority("kubernetes test authority");
  const kubeconfig = join(folder, "kubeconfig");
  writeKubeconfig(kubeconfig, { server, ca: authority.cert, token });
  const { cert: caFile } = writeCertificate(folder, "ca", authority);
  const serviceAccountKey = writeServiceAccountKey(folder);
  const args = [
    `--etcd-servers=${etcd.endpoint}`,
    "--bind-address=127.0.0.1",
    `--secure-port=${port}`,
    ...certificateArguments(folder, authority),
    `--client-ca-file=${caFile}`,
    `--token-auth-file=${writeTokens(folder, token)}`,
    `--service-account-key-file=${serviceAccountKey}`,
    `--service-account-signing-key-file=${serviceAccountKey}`,
    "--service-account-issuer=https://kubernetes.default.svc",
    `--service-cluster-ip-range=${SERVICE_CIDR}`,
    "--authorization-mode=RBAC",
    "--allow-privileged",
    // The kubernetes Service needs no endpoints here, and loopback would be refused as one.
    "--endpoint-reconciler-type=none",
    ...extraArgs,
  ];
  const api = await openApi(kubeconfig);
  return { binary, folder, kubeconfig, server, token, authority, caFile, serviceAccountKey, args, api };
}

function certificateArguments(folder: string, authority: Authority): string[] {
  const hosts = ["localhost", "127.0.0.1", "kubernetes.default.svc"];
  const certificate = createCertificate(authority, { commonName: "kube-apiserver", hosts });
  const { cert, key } = writeCertificate(folder, "kube-apiserver", certificate);
  return [`--tls-cert-file=${cert}`, `--tls-private-key-file=${key}`];
}

function writeTokens(folder: string, token: string): string {
  const path = join(folder, "tokens.csv");
  writeFileSync(path, `${token},test-admin,test-admin,system:masters\n`, { mode: 0o600 });
  return path;
}

function writeServiceAccountKey(folder: string): string {
  const path = join(folder, "service-account.key");
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  writeFileSync(path, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  return path;
}

/** Starts the API server and waits until /readyz holds. */
export async function launchApiServer(setup: ApiServerSetup): Promise<ServerProcess> {
  const server = await startServer({
    name: "kube-apiserver",
    path: setup.binary,
    args: setup.args,
    logFile: join(setup.folder, "kube-apiserver.log"),
  });
  await untilReady(server, async () => (await setup.api.request("GET", "/readyz")).status === 200);
  return server;
}
