import { randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { S3Client } from "@aws-sdk/client-s3";
import { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { SQSClient } from "@aws-sdk/client-sqs";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { type Command, encodeCommand } from "../../events/commands.ts";
import { type DynamoDbCheckpointStore, openDynamoDbStore } from "../../shared/adapters/aws/dynamodb/index.ts";
import { S3ArtifactStore } from "../../shared/adapters/aws/s3/artifact-store.ts";
import { putClusterSecret } from "../../shared/adapters/aws/secrets/writer.ts";
import { SystemClock } from "../../shared/adapters/system-clock.ts";
import type { RunControl, RunRecord } from "../../shared/engine/records.ts";
import { isSettled } from "../../shared/engine/settled.ts";
import type { JsonObject } from "../../shared/json.ts";
import type { EtcdHandle } from "../harness/etcd.ts";
import type { KubernetesHandle } from "../harness/kubernetes.ts";
import type { LocalStack } from "../harness/localstack/index.ts";
import { waitUntil } from "../harness/wait.ts";
import { redirectDynamoDb } from "./functions.ts";
import { deployStack } from "./stack.ts";

const APPROVED = ["switch", "unlock", "uncarried", "unmapped-nodes"];
/** What has to be seen before it can be approved. */
const LOSSES: ReadonlySet<string> = new Set(["uncarried", "unmapped-nodes"]);
const BY = "infra-test";

/** How a run is started. */
export interface ServiceStart {
  /** Default `etcd-to-kubernetes`. */
  migration?: string;
  options?: JsonObject;
  approvals?: readonly string[];
  stopBefore?: string;
}

/** The deployed stack as its users meet it: commands over the bus, state out of the table, secrets for clusters. */
export class Service {
  readonly outputs: Readonly<Record<string, string>>;
  readonly #agreed = new Map<string, Set<string>>();
  readonly store: DynamoDbCheckpointStore;
  readonly artifacts: S3ArtifactStore;
  readonly sqs: SQSClient;
  readonly #events: EventBridgeClient;
  readonly #secrets: SecretsManagerClient;
  readonly #destroy: () => Promise<void>;

  private constructor(
    localStack: LocalStack,
    stack: Awaited<ReturnType<typeof deployStack>>,
    dynamoDbEndpoint = localStack.endpoint,
  ) {
    const { endpoint, region, credentials } = localStack;
    const config = { endpoint, region, credentials };
    this.outputs = stack.outputs;
    const dynamoDb = new DynamoDBClient({ ...config, endpoint: dynamoDbEndpoint });
    const client = DynamoDBDocumentClient.from(dynamoDb);
    const tableName = this.output("TableName");
    this.store = openDynamoDbStore({ client, tableName, clock: new SystemClock(), historyDays: 1 });
    const s3 = new S3Client({ ...config, forcePathStyle: true });
    this.artifacts = new S3ArtifactStore({ s3, bucket: this.output("ArtifactBucketName") });
    this.sqs = new SQSClient(config);
    this.#events = new EventBridgeClient(config);
    this.#secrets = new SecretsManagerClient(config);
    this.#destroy = () => stack.destroy();
  }

  /**
   * Deploys the stack, with what a test needs in its configuration. With `functionsDynamoDb`, the functions that work on
   * runs speak to DynamoDB there, and the service's own view of the table goes straight to where that is.
   */
  static async deploy(
    localStack: LocalStack,
    config: Record<string, unknown> = {},
    functionsDynamoDb?: string,
  ): Promise<Service> {
    const stack = await deployStack(localStack, config);
    if (functionsDynamoDb !== undefined) await redirectDynamoDb(localStack, functionsDynamoDb);
    return new Service(localStack, stack, localStack.dynamoDbEndpoint);
  }

  /** An output of the stack. Throws an Error when it has none of that name. */
  output(name: string): string {
    const value = this.outputs[name];
    if (value === undefined) throw new Error(`the stack has no output ${name}`);
    return value;
  }

  /** Stores what leads to a cluster as its secret; another token than its own where one is given. */
  async addCluster(
    name: string,
    { kubernetes, etcd }: { kubernetes: KubernetesHandle; etcd?: EtcdHandle },
    token?: string,
  ): Promise<void> {
    const kubeconfig = readFileSync(kubernetes.kubeconfig, "utf8");
    await putClusterSecret({
      secrets: this.#secrets,
      prefix: this.output("ClusterSecretPrefix"),
      name,
      secret: {
        version: 1,
        kubeconfig: token === undefined ? kubeconfig : kubeconfig.replace(/token: .*/, `token: ${token}`),
        ...(etcd !== undefined && { etcd: etcdMaterial(etcd) }),
      },
      rules: { allowLoopback: true },
    });
  }

  /** Sends a command over the bus. */
  async send(command: Command): Promise<void> {
    const meta = { id: randomUUID(), time: new Date().toISOString(), source: BY };
    const entry = { ...encodeCommand(command, meta), EventBusName: this.output("EventBusName") };
    const { FailedEntryCount } = await this.#events.send(new PutEventsCommand({ Entries: [entry] }));
    if (FailedEntryCount !== 0) throw new Error(`${command.type} was not taken by the bus`);
  }

  /** Asks for a migration of a cluster; returns the run's id at once. */
  async start(cluster: string, start: ServiceStart = {}): Promise<string> {
    const { options = {}, stopBefore, migration = "etcd-to-kubernetes" } = start;
    const runId = `${migration}-${randomBytes(4).toString("hex")}`;
    const subjects = start.approvals ?? APPROVED;
    const approvals = subjects
      .filter((subject) => !LOSSES.has(subject))
      .map((subject) => ({ subject, by: BY, at: Date.now() }));
    this.#agreed.set(runId, new Set(subjects.filter((subject) => LOSSES.has(subject))));
    const data = { runId, migration, cluster, options, approvals, by: BY };
    await this.send({ type: "StartRun", data: stopBefore === undefined ? data : { ...data, stopBefore } });
    return runId;
  }

  /** Waits until a run needs a person or nothing, or is as `until` says. */
  settled(
    runId: string,
    until: (run: RunRecord, control: RunControl) => boolean = isSettled,
    timeoutMs = 480_000,
  ): Promise<RunRecord> {
    return waitUntil({ what: `run ${runId}`, timeoutMs, intervalMs: 250 }, async () => {
      const [run, control] = await Promise.all([this.store.getRun(runId), this.store.getControl(runId)]);
      if (run === undefined || control === undefined || !until(run, control)) return undefined;
      return !(await this.#approveAsAgreed(run)) && run;
    });
  }

  /** Approves a loss that was agreed to when the run was started, once it has said what it is. */
  async #approveAsAgreed({ runId, waiting }: RunRecord): Promise<boolean> {
    const { reason, subject = "", fingerprint } = waiting ?? {};
    const agreed = this.#agreed.get(runId);
    if (reason !== "Approval" || fingerprint === undefined || agreed?.delete(subject) !== true) return false;
    await this.send({ type: "ApproveRun", data: { runId, subject, fingerprint, by: BY } });
    return true;
  }

  destroy(): Promise<void> {
    return this.#destroy();
  }
}

function etcdMaterial({ endpoint, caFile = "", certFile = "", keyFile = "" }: EtcdHandle): {
  endpoints: string[];
  ca: string;
  cert: string;
  key: string;
} {
  const [ca, cert, key] = [caFile, certFile, keyFile].map((file) => readFileSync(file, "utf8"));
  return { endpoints: [endpoint], ca: ca ?? "", cert: cert ?? "", key: key ?? "" };
}
