import { createHash, randomUUID } from "node:crypto";
import { spawn } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { MigratorError } from "../../shared/errors.ts";
import { type KubernetesRelease, kubernetesRelease } from "./kubernetes-release.ts";
import { withLockFile } from "./lock-file.ts";

/** The real programs that tests run, by the name of the thing they are. */
export const BINARIES = [
  "etcd",
  "etcdctl",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-scheduler",
  "kubectl",
  "kwok",
] as const;

/** One of {@link BINARIES}. */
export type BinaryName =
  "etcd" | "etcdctl" | "kube-apiserver" | "kube-controller-manager" | "kube-scheduler" | "kubectl" | "kwok";

interface GoModule {
  /** Folder beside this file that holds go.mod and go.sum. */
  folder: string;
  ldflags: string;
  packages: Partial<Record<BinaryName, string>>;
}

const OTHERS: readonly GoModule[] = [
  { folder: "etcd-server", ldflags: "-s -w", packages: { etcd: "go.etcd.io/etcd/server/v3" } },
  { folder: "etcdctl", ldflags: "-s -w", packages: { etcdctl: "go.etcd.io/etcd/etcdctl/v3" } },
  { folder: "kwok", ldflags: "-s -w", packages: { kwok: "sigs.k8s.io/kwok/cmd/kwok" } },
];

function modules(): readonly GoModule[] {
  return [controlPlane(kubernetesRelease()), ...OTHERS];
}

function controlPlane({ folder, version }: KubernetesRelease): GoModule {
  return {
    folder,
    ldflags: ["-s -w", ...stamps(version)].join(" "),
    packages: {
      "kube-apiserver": "k8s.io/kubernetes/cmd/kube-apiserver",
      "kube-controller-manager": "k8s.io/kubernetes/cmd/kube-controller-manager",
      "kube-scheduler": "k8s.io/kubernetes/cmd/kube-scheduler",
      kubectl: "k8s.io/kubernetes/cmd/kubectl",
    },
  };
}

// kubectl refuses to compare itself with a server whose version is not stamped (v0.0.0-master+$Format).
function stamps(version: string): string[] {
  const [major = "", minor = ""] = version.slice(1).split(".");
  return ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"].flatMap((path) => [
    `-X ${path}.gitVersion=${version}`,
    `-X ${path}.gitMajor=${major}`,
    `-X ${path}.gitMinor=${minor}`,
  ]);
}

const MINIMUM_GO = [1, 26] as const;
const PROGRESS_EVERY_MS = 15_000;

/**
 * The paths of the named programs, built first where the user's cache does not hold them yet. A first build of all of
 * them takes about 5 minutes on 2 cores and reports on stderr; afterwards no Go is needed until a version changes.
 * Several processes may call it at once: one builds, the others wait.
 *
 * @throws MigratorError TEST_CLUSTER_UNAVAILABLE without a usable Go, TEST_BINARIES_BUILD_FAILED when the build fails.
 */
export async function ensureBinaries<N extends BinaryName>(names: readonly N[]): Promise<Record<N, string>> {
  for (const module of modules()) {
    const wanted = names.filter((name) => module.packages[name] !== undefined);
    if (wanted.length > 0) await ensureModule(module, wanted);
  }
  return Object.fromEntries(names.map((name) => [name, binaryPath(moduleOf(name), name)])) as Record<
    N,
    string
  >;
}

async function ensureModule(module: GoModule, names: readonly BinaryName[]): Promise<void> {
  const missing = () => names.filter((name) => !existsSync(binaryPath(module, name)));
  if (missing().length === 0) return;
  await mkdir(cacheFolder(module), { recursive: true });
  await withLockFile(join(cacheFolder(module), "build.lock"), async () => {
    const names = missing();
    if (names.length > 0) await build(module, names);
  });
}

async function build(module: GoModule, names: readonly BinaryName[]): Promise<void> {
  const cwd = moduleFolder(module);
  await requireGo(cwd);
  const temporary = join(cacheFolder(module), `building-${randomUUID()}`);
  try {
    for (const name of names) await buildOne(module, name, temporary);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

// One by one, so that an interrupted first build keeps what is finished; the compiler's own cache is shared.
async function buildOne(module: GoModule, name: BinaryName, temporary: string): Promise<void> {
  const output = join(temporary, name);
  const done = announce(name);
  const args = ["build", "-ldflags", module.ldflags, "-o", output, module.packages[name] ?? ""];
  const { status, stderr } = await runGo(args, moduleFolder(module)).finally(done);
  if (status !== 0) {
    throw new MigratorError("TEST_BINARIES_BUILD_FAILED", `go build of ${name} failed:\n${tail(stderr)}`, {
      next: "Read Go's message above; without network or with a full disk, mend that and run the command again.",
      details: { binary: name, module: module.folder },
    });
  }
  await rename(output, binaryPath(module, name));
}

async function requireGo(cwd: string): Promise<void> {
  // In the module's folder Go itself switches to the toolchain that go.mod asks for, where it may.
  const { status, stdout, stderr } = await runGo(["version"], cwd);
  const found = /go version go(\d+)\.(\d+)/.exec(stdout);
  const [major, minor] = [Number(found?.[1]), Number(found?.[2])];
  if (status === 0 && (major > MINIMUM_GO[0] || (major === MINIMUM_GO[0] && minor >= MINIMUM_GO[1]))) return;
  const reason =
    found === null ? stderr.trim() || "go was not found on the PATH" : `found go${major}.${minor}`;
  throw testClusterUnavailable(reason);
}

/** The one error for "no real cluster can be had here": it lists every way to get one. */
export function testClusterUnavailable(reason: string): MigratorError {
  return new MigratorError(
    "TEST_CLUSTER_UNAVAILABLE",
    `No real Kubernetes and etcd for this command, and none can be built: ${reason}.`,
    {
      next:
        `Do one of these: install Go ${MINIMUM_GO.join(".")} or newer; set CALICO_MIGRATOR_TEST_ETCD to an etcd program, ` +
        `and either start Docker and install kind, or set CALICO_MIGRATOR_TEST_KUBECONFIG to the kubeconfig of a ` +
        `cluster made for tests.`,
    },
  );
}

interface Finished {
  status: number;
  stdout: string;
  stderr: string;
}

function runGo(args: readonly string[], cwd: string): Promise<Finished> {
  return new Promise((resolve) => {
    const child = spawn("go", args, { cwd, env: goEnvironment(), stdio: ["ignore", "pipe", "pipe"] });
    const output = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()));
    child.once("error", () => {
      resolve({ status: 127, stdout: "", stderr: "" });
    });
    child.once("close", (status) => {
      resolve({ status: status ?? 1, ...output });
    });
  });
}

// What Go needs to find itself, its caches, the user's proxies and settings; nothing else reaches the build.
const PASSED_ON = /^(PATH|HOME|TMPDIR|GO[A-Z0-9]*|XDG_\w+|SSL_CERT_\w+|https?_proxy|no_proxy|NETRC)$/i;

function goEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => PASSED_ON.test(name));
  return { ...Object.fromEntries(kept), CGO_ENABLED: "0", GOWORK: "off" };
}

function announce(name: BinaryName): () => void {
  const started = Date.now();
  const seconds = () => Math.round((Date.now() - started) / 1000);
  const say = (text: string) => process.stderr.write(`test bed: ${text}\n`);
  say(`building ${name} once (the first build of everything takes about 5 minutes)`);
  const timer = setInterval(() => say(`still building ${name}, ${seconds()} s`), PROGRESS_EVERY_MS);
  return () => {
    clearInterval(timer);
    say(`${name}: ${seconds()} s`);
  };
}

function moduleOf(name: BinaryName): GoModule {
  const module = modules().find(({ packages }) => packages[name] !== undefined);
  if (module === undefined) throw new Error(`no module builds ${name}`);
  return module;
}

function moduleFolder(module: GoModule): string {
  return join(import.meta.dirname, module.folder);
}

function binaryPath(module: GoModule, name: BinaryName): string {
  return join(cacheFolder(module), name);
}

function cacheFolder(module: GoModule): string {
  const base = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  return join(base, "calico-migrator", `${module.folder}-${fingerprint(module)}`);
}

function fingerprint(module: GoModule): string {
  const hash = createHash("sha256");
  for (const file of ["go.mod", "go.sum"]) hash.update(readFileSync(join(moduleFolder(module), file)));
  return hash.update([module.ldflags, process.platform, process.arch].join("\n")).digest("hex").slice(0, 16);
}

function tail(text: string): string {
  return text.trimEnd().split("\n").slice(-20).join("\n");
}
