import { dockerAnswers } from "../external-kubernetes.ts";
import { ensureDockerLocalStack, startDockerLocalStack } from "./docker.ts";
import { localStackHandle } from "./handle.ts";
import { ensureHostLocalStack, startHostLocalStack } from "./host.ts";

export { lambdaProcesses, requestCounts, resetRequestCounts } from "./control.ts";

/** What a test needs of its LocalStack. */
export interface LocalStackOptions {
  /** Divides the intervals of rate() schedules: 60 makes a minute a second. Default 1. */
  schedulerSpeed?: number;
  /**
   * Insist on a LocalStack run by this process on this machine, whose functions are local processes: for tests that
   * kill functions, or whose functions reach servers on 127.0.0.1. Default false.
   */
  local?: boolean;
}

/** An AWS to test against. */
export interface LocalStack {
  readonly endpoint: string;
  /**
   * The DynamoDB behind it, where it runs on this machine. LocalStack serves one request at a time, and needs 20 times
   * as long for it as that.
   */
  readonly dynamoDbEndpoint?: string;
  readonly region: string;
  readonly credentials: { accessKeyId: string; secretAccessKey: string };
  /** Where it came from: an environment variable, Docker, or processes of this machine. */
  readonly origin: "given" | "docker" | "host";
  /** What child processes need in their environment to use it. */
  readonly env: Record<string, string>;
  /** Ends what this handle started; a LocalStack that was given is left alone. */
  stop(): Promise<void>;
  /** The end of its log. */
  logs(): string;
}

/**
 * A LocalStack for a test: the one at AWS_ENDPOINT_URL, else a container where a Docker engine answers, else processes
 * on this machine (ready in 4 to 8 seconds once they are installed).
 *
 * @throws MigratorError TEST_AWS_UNAVAILABLE, listing the options, when none can be had.
 */
export async function startLocalStack(options: LocalStackOptions = {}): Promise<LocalStack> {
  if (options.local === true) return startHostLocalStack(options);
  const source = await localStackSource();
  if (source.origin === "given") return useLocalStack(source.endpoint);
  return source.origin === "docker" ? startDockerLocalStack(options) : startHostLocalStack(options);
}

/** Installs ahead what {@link startLocalStack} will need, so that no test's time limit has to include it. */
export async function ensureLocalStack(): Promise<void> {
  const { origin } = await localStackSource();
  if (origin === "docker") await ensureDockerLocalStack();
  if (origin === "host") await ensureHostLocalStack();
}

async function localStackSource(): Promise<
  { origin: "given"; endpoint: string } | { origin: "docker" } | { origin: "host" }
> {
  const endpoint = process.env["AWS_ENDPOINT_URL"] ?? "";
  if (endpoint !== "") return { origin: "given", endpoint };
  return { origin: (await dockerAnswers()) ? "docker" : "host" };
}

function useLocalStack(endpoint: string): LocalStack {
  const logs = () => `see the log of the LocalStack at ${endpoint}`;
  return localStackHandle(endpoint, "given", { stop: () => Promise.resolve(), logs });
}
