import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { freePort } from "../ports.ts";
import { waitUntil } from "../wait.ts";
import { isHealthy, localStackHandle } from "./handle.ts";
import type { LocalStack, LocalStackOptions } from "./index.ts";
import { PYTHON_SOURCES } from "./python.ts";
import { run } from "./run.ts";
import { localStackSettings } from "./settings.ts";
import { installFailed, LOCALSTACK_VERSION } from "./unavailable.ts";

const IMAGE = `localstack/localstack:${LOCALSTACK_VERSION}`;
const PLUGIN = "/opt/calico-localstack";

/** Fetches the image. */
export async function ensureDockerLocalStack(): Promise<void> {
  if ((await run("docker", ["image", "inspect", IMAGE])).status === 0) return;
  process.stderr.write(`test bed: pulling ${IMAGE} once\n`);
  await docker(["pull", "-q", IMAGE]);
}

/**
 * LocalStack as a container that starts one container for each Lambda environment. The plugin is mounted, so that
 * schedules fire and requests are counted and throttled here too; only processes cannot be listed.
 */
export async function startDockerLocalStack(options: LocalStackOptions): Promise<LocalStack> {
  await ensureDockerLocalStack();
  const port = await freePort();
  const name = `calico-migrator-localstack-${randomBytes(4).toString("hex")}`;
  await docker(["run", "-d", "--rm", ...dockerArguments(name, port, options), IMAGE]);
  const endpoint = `http://127.0.0.1:${port}`;
  const stop = async () => {
    await docker(["rm", "-f", name]);
  };
  try {
    const waiting = { what: "LocalStack is ready", timeoutMs: 120_000, intervalMs: 200 };
    await waitUntil(waiting, () => isHealthy(endpoint));
  } catch (error) {
    const log = logTail(name);
    await stop();
    throw new Error(`LocalStack did not start; the end of its log:\n${log}`, { cause: error });
  }
  return localStackHandle(endpoint, "docker", { stop, logs: () => logTail(name) });
}

function dockerArguments(name: string, port: number, options: LocalStackOptions): string[] {
  const settings = {
    ...localStackSettings(port, options),
    GATEWAY_LISTEN: `0.0.0.0:${port}`,
    MAIN_CONTAINER_NAME: name,
    PYTHONPATH: PLUGIN,
  };
  const volumes = ["/var/run/docker.sock:/var/run/docker.sock", `${PYTHON_SOURCES}:${PLUGIN}:ro`];
  return [
    `--name=${name}`,
    `--publish=127.0.0.1:${port}:${port}`,
    ...volumes.map((volume) => `--volume=${volume}`),
    ...Object.entries(settings).map(([key, value]) => `--env=${key}=${value}`),
  ];
}

function logTail(name: string): string {
  const { stdout, stderr } = spawnSync("docker", ["logs", "--tail", "30", name], { encoding: "utf8" });
  return `${stdout}${stderr}`;
}

async function docker(args: readonly string[]): Promise<void> {
  const { status, stderr } = await run("docker", args);
  if (status !== 0) throw installFailed(`docker ${args[0] ?? ""}`, stderr);
}
