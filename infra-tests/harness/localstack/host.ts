import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { javaArguments } from "../dynamodb-local.ts";
import { freePort } from "../ports.ts";
import { type ServerProcess, startServer } from "../processes.ts";
import { untilReady } from "../ready.ts";
import { removeFolder, temporaryFolder } from "../temporary-folder.ts";
import type { LocalStack, LocalStackOptions } from "./index.ts";
import { isHealthy, localStackHandle } from "./handle.ts";
import { ensureDynamoDbJars, findJava } from "./java.ts";
import { ensureLocalStackPython } from "./python.ts";
import { localStackSettings } from "./settings.ts";

/** Installs what {@link startHostLocalStack} needs. */
export async function ensureHostLocalStack(): Promise<void> {
  await findJava();
  await ensureDynamoDbJars();
  await ensureLocalStackPython();
}

/** LocalStack as a process of this machine, with DynamoDB Local and Lambda environments as processes beside it. */
export async function startHostLocalStack(options: LocalStackOptions): Promise<LocalStack> {
  const { python, env: pythonEnv } = await ensureLocalStackPython();
  const [java, jars] = [await findJava(), await ensureDynamoDbJars()];
  const [port, dynamoDbPort] = [await freePort(), await freePort()];
  const folder = temporaryFolder("localstack");
  mkdirSync(join(folder, "tmp"));
  const env = {
    ...localStackSettings(port, options),
    ...hostSettings(folder),
    ...pythonEnv,
    DYNAMODB_LOCAL_PORT: String(dynamoDbPort),
    // LocalStack puts its own credentials into requests: others would find other data.
    CALICO_DYNAMODB: JSON.stringify([java, ...javaArguments(jars, folder), "-sharedDb"]),
  };
  const server = await startServer({
    name: "LocalStack",
    path: "/usr/bin/env",
    args: [
      ...Object.entries(env).map(([name, value]) => `${name}=${value}`),
      python,
      "-m",
      "localstack.runtime.main",
    ],
    logFile: join(folder, "localstack.log"),
  });
  const endpoint = `http://127.0.0.1:${port}`;
  await untilReady(server, () => isHealthy(endpoint), 120_000);
  let ended: Promise<void> | undefined;
  const end = async () => {
    await endGroup(server);
    removeFolder(folder);
  };
  return localStackHandle(endpoint, "host", {
    logs: () => server.logTail(),
    stop: () => (ended ??= end()),
    dynamoDbEndpoint: `http://127.0.0.1:${dynamoDbPort}`,
  });
}

function hostSettings(folder: string): Record<string, string> {
  return {
    // LocalStack takes any container for its own image and would write below /var/lib.
    OVERRIDE_IN_DOCKER: "0",
    FILESYSTEM_ROOT: folder,
    TMPDIR: join(folder, "tmp"),
    XDG_CACHE_HOME: join(folder, "cache"),
    PYTHONUNBUFFERED: "1",
    LAMBDA_RUNTIME_EXECUTOR: "process",
    CALICO_BIND: "127.0.0.1",
    CALICO_NODE: process.execPath,
    CALICO_RUNTIME: join(import.meta.dirname, "runtime", "main.ts"),
  };
}

// The group holds DynamoDB Local and every Lambda environment as well.
async function endGroup(server: ServerProcess): Promise<void> {
  try {
    process.kill(-server.pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
  await server.end("SIGKILL");
}
