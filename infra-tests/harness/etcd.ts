import { join } from "node:path";
import { mkdirSync } from "node:fs";
import { ensureBinaries } from "./binaries.ts";
import { createAuthority, createCertificate, writeCertificate } from "./certificates.ts";
import { freePort } from "./ports.ts";
import { type ServerProcess, startServer } from "./processes.ts";
import { untilReady } from "./ready.ts";
import { removeFolder, temporaryFolder } from "./temporary-folder.ts";

/** How to start one etcd. */
export interface EtcdOptions {
  /** Serve https and demand a client certificate; the handle then names the files. Default false. */
  tls?: boolean;
  extraArgs?: readonly string[];
  /** An existing or new data folder that is kept on stop. Default: a temporary one. */
  dataDir?: string;
  /** Client port. Default: a free one. */
  port?: number;
}

/** A real etcd on 127.0.0.1. */
export interface EtcdHandle {
  /** URL for clients. */
  readonly endpoint: string;
  /** URL for other members. */
  readonly peer: string;
  /** Set with `tls`: the authority, and a client certificate that it signed. */
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly dataDir: string;
  /** Process id; a restart changes it. */
  readonly pid: number;
  /** Ends the process and removes what is temporary. */
  stop(): Promise<void>;
  /** SIGKILL; the data stays. */
  kill(): void;
  /** SIGSTOP: connections stay open and, once this resolves, nothing answers, until {@link EtcdHandle.resume}. */
  pause(): Promise<void>;
  resume(): void;
  /** Kills it if it runs, and starts it again on the same ports and data; with these arguments instead of its own, where given. */
  restart(extraArgs?: readonly string[]): Promise<void>;
}

/** Starts an etcd and waits until it serves (about a second). Writes are not synced to disk, so it is fast. */
export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdHandle> {
  const member = await prepareMember("etcd", options);
  const handle = memberHandle(member, [member]);
  await handle.restart();
  return handle;
}

/** What one member needs to be started, again and again. */
export interface Member {
  readonly name: string;
  readonly binary: string;
  readonly programArgs: readonly string[];
  readonly folder: string;
  readonly dataDir: string;
  readonly endpoint: string;
  readonly peer: string;
  readonly health: string;
  readonly tls: TlsFiles | undefined;
  readonly extraArgs: readonly string[];
}

/** Chooses ports, folders and certificates of a member, without starting it. */
export async function prepareMember(name: string, options: EtcdOptions): Promise<Member> {
  const folder = temporaryFolder("etcd");
  const tls = options.tls === true ? writeTlsFiles(folder) : undefined;
  const port = options.port ?? (await freePort());
  return {
    name,
    ...(await etcdProgram()),
    folder,
    dataDir: options.dataDir ?? join(folder, "data"),
    endpoint: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    peer: `http://127.0.0.1:${await freePort()}`,
    health: `http://127.0.0.1:${await freePort()}`,
    tls,
    extraArgs: options.extraArgs ?? [],
  };
}

/** The program that CALICO_MIGRATOR_TEST_ETCD names (an old release, say), else the pinned one. */
async function etcdProgram(): Promise<Pick<Member, "binary" | "programArgs">> {
  const given = process.env["CALICO_MIGRATOR_TEST_ETCD"] ?? "";
  if (given !== "") return { binary: given, programArgs: [] };
  const { etcd: binary } = await ensureBinaries(["etcd"]);
  // Releases before 3.5 do not know this flag.
  return { binary, programArgs: ["--unsafe-no-fsync"] };
}

interface TlsFiles {
  caFile: string;
  certFile: string;
  keyFile: string;
  serverCert: string;
  serverKey: string;
}

function writeTlsFiles(folder: string): TlsFiles {
  const dir = join(folder, "tls");
  mkdirSync(dir);
  const authority = createAuthority("etcd test authority");
  const server = createCertificate(authority, { commonName: "etcd", hosts: ["localhost", "127.0.0.1"] });
  const client = writeCertificate(dir, "client", createCertificate(authority, { commonName: "client" }));
  const { cert: serverCert, key: serverKey } = writeCertificate(dir, "server", server);
  const { cert: caFile } = writeCertificate(dir, "ca", authority);
  return { caFile, certFile: client.cert, keyFile: client.key, serverCert, serverKey };
}

/** The handle of a prepared member of the cluster that `members` form; {@link EtcdHandle.restart} starts it. */
export function memberHandle(member: Member, members: readonly Member[]): EtcdHandle {
  let server: ServerProcess | undefined;
  const end = async () => server?.end("SIGKILL");
  return {
    endpoint: member.endpoint,
    peer: member.peer,
    dataDir: member.dataDir,
    ...clientFiles(member.tls),
    get pid() {
      return server?.pid ?? 0;
    },
    kill: () => server?.signal("SIGKILL"),
    pause: async () => {
      server?.signal("SIGSTOP");
      // The signal reaches the threads one by one: a busy machine still answers for a moment.
      while (await isHealthy(member.health).catch(() => false)) continue;
    },
    resume: () => server?.signal("SIGCONT"),
    stop: async () => {
      await end();
      removeFolder(member.folder);
    },
    restart: async (extraArgs = member.extraArgs) => {
      await end();
      server = await launch({ ...member, extraArgs }, members);
    },
  };
}

function clientFiles(tls: TlsFiles | undefined): Pick<EtcdHandle, "caFile" | "certFile" | "keyFile"> {
  return tls === undefined ? {} : { caFile: tls.caFile, certFile: tls.certFile, keyFile: tls.keyFile };
}

async function launch(member: Member, members: readonly Member[]): Promise<ServerProcess> {
  const server = await startServer({
    name: member.name,
    path: member.binary,
    args: memberArguments(member, members),
    logFile: join(member.folder, "etcd.log"),
  });
  await untilReady(server, () => isHealthy(member.health));
  return server;
}

function memberArguments(member: Member, members: readonly Member[]): string[] {
  return [
    `--name=${member.name}`,
    `--data-dir=${member.dataDir}`,
    `--listen-client-urls=${member.endpoint}`,
    `--advertise-client-urls=${member.endpoint}`,
    `--listen-peer-urls=${member.peer}`,
    `--initial-advertise-peer-urls=${member.peer}`,
    `--initial-cluster=${members.map(({ name, peer }) => `${name}=${peer}`).join(",")}`,
    `--listen-metrics-urls=${member.health}`,
    ...member.programArgs,
    "--log-level=warn",
    ...tlsArguments(member.tls),
    ...member.extraArgs,
  ];
}

function tlsArguments(tls: TlsFiles | undefined): string[] {
  if (tls === undefined) return [];
  const { caFile, serverCert, serverKey } = tls;
  return [
    `--cert-file=${serverCert}`,
    `--key-file=${serverKey}`,
    `--trusted-ca-file=${caFile}`,
    "--client-cert-auth",
  ];
}

async function isHealthy(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(1_000) });
  return answer.ok;
}
