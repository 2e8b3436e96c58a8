import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { stringify } from "yaml";
import { dumpKubernetes } from "../harness/dump.ts";
import { withEtcdClient } from "../harness/etcd-kv.ts";
import { removeFolder, temporaryFolder } from "../harness/temporary-folder.ts";
import { guard, release } from "../harness/watchdog.ts";
import type { Sides } from "../rig/clusters.ts";

const UNLIMITED = 100_000;
const CLUSTER_INFORMATION = "/calico/resources/v3/projectcalico.org/clusterinformations/default";

/** How calicoctl's own limit of requests is set. */
export type Limiter = "default" | "lifted";

/** What calicoctl took. Milliseconds. */
export interface CalicoctlRun {
  limiter: Limiter;
  lockMs: number;
  exportMs: number;
  importMs: number;
  /** Custom resources that the target holds afterwards: what it loses without a word is not counted as moved. */
  held: number;
}

/** Migrates with calicoctl: lock, export, import. Throws an Error with its message when it fails. */
export async function runCalicoctl(binary: string, sides: Sides, limiter: Limiter): Promise<CalicoctlRun> {
  const folder = temporaryFolder("calicoctl");
  try {
    const calicoctl = new Calicoctl(binary, folder);
    await matchVersion(sides, await calicoctl.version());
    const [source, target] = [sourceConfig(folder, sides), targetConfig(folder, sides, limiter)];
    const data = join(folder, "data.yaml");
    return {
      limiter,
      lockMs: await calicoctl.migrate(["lock", `--config=${source}`]),
      exportMs: await calicoctl.migrate(["export", `--config=${source}`], data),
      importMs: await calicoctl.migrate(["import", `--filename=${data}`, `--config=${target}`]),
      held: await customResources(sides),
    };
  } finally {
    removeFolder(folder);
  }
}

class Calicoctl {
  readonly #binary: string;
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;

  constructor(binary: string, folder: string) {
    this.#binary = binary;
    this.#folder = folder;
    this.#env = { PATH: process.env["PATH"], HOME: folder, TMPDIR: folder };
  }

  /** The version that a datastore must have for this binary. */
  async version(): Promise<string> {
    // It also asks the cluster, which it does not know here; its own version comes first.
    const printed = await this.#run(["version"], undefined, true);
    const version = /Client Version:[ \t]+(\S+)/.exec(printed)?.[1];
    if (version === undefined) throw new Error(`${this.#binary} tells no version`);
    return version;
  }

  /** Runs one step of its migration; returns how long it took. */
  async migrate(args: readonly string[], outputFile?: string): Promise<number> {
    const startedAt = performance.now();
    await this.#run(["datastore", "migrate", ...args], outputFile);
    return performance.now() - startedAt;
  }

  async #run(args: readonly string[], outputFile?: string, mayFail = false): Promise<string> {
    const output = outputFile === undefined ? undefined : openSync(outputFile, "w", 0o600);
    const child = spawn(this.#binary, args, {
      cwd: this.#folder,
      detached: true,
      env: this.#env,
      stdio: ["ignore", output ?? "pipe", "pipe"],
    });
    if (output !== undefined) closeSync(output);
    const pid = child.pid ?? 0;
    if (pid !== 0) guard({ pid });
    const outputs = [child.stdout, child.stderr].map((stream) =>
      stream === null ? Promise.resolve("") : text(stream),
    );
    const told = Promise.all(outputs);
    const [code] = (await once(child, "close")) as [number | null];
    release({ pid });
    const [printed = "", errors = ""] = await told;
    if (code === 0 || mayFail) return printed;
    throw new Error(`calicoctl ${args.join(" ")}: ${`${printed}${errors}`.trim().slice(-1000)}`);
  }
}

/** calicoctl refuses data of another version than its own. */
async function matchVersion({ etcd }: Sides, version: string): Promise<void> {
  await withEtcdClient(etcd, async (client) => {
    const stored = await client.get(CLUSTER_INFORMATION).string();
    const information = JSON.parse(stored ?? "{}") as { spec?: object };
    const spec = { ...information.spec, calicoVersion: version };
    await client.put(CLUSTER_INFORMATION).value(JSON.stringify({ ...information, spec }));
  });
}

function sourceConfig(folder: string, { etcd }: Sides): string {
  return writeConfig(folder, "source", { datastoreType: "etcdv3", etcdEndpoints: etcd.endpoint });
}

// calicoctl reads its limits from the environment only where it is given no file.
function targetConfig(folder: string, { kubernetes }: Sides, limiter: Limiter): string {
  const limits = limiter === "lifted" ? { k8sClientQPS: UNLIMITED, k8sClientBurst: UNLIMITED } : {};
  const spec = { datastoreType: "kubernetes", kubeconfig: kubernetes.kubeconfig, ...limits };
  return writeConfig(folder, "target", spec);
}

/** How many of Calico's custom resources a target holds. */
export async function customResources({ kubernetes }: Sides): Promise<number> {
  const { entries } = await dumpKubernetes(kubernetes.api, { paths: ["/apis/crd.projectcalico.org/v1"] });
  return entries.size;
}

function writeConfig(folder: string, name: string, spec: object): string {
  const path = join(folder, `${name}.cfg`);
  const config = { apiVersion: "projectcalico.org/v3", kind: "CalicoAPIConfig", metadata: {}, spec };
  writeFileSync(path, stringify(config), { mode: 0o600 });
  return path;
}
