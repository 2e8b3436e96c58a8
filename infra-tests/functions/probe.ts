import { DynamoDBClient, GetItemCommand } from "@aws-sdk/client-dynamodb";
import { EventBridgeClient, PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { GetObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { CreateScheduleCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { ReceiveMessageCommand, SQSClient } from "@aws-sdk/client-sqs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { type Dispatcher, Pool, ProxyAgent } from "undici";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { EtcdClient } from "../../shared/etcd/client.ts";
import { goPattern } from "../../shared/kubernetes/go-pattern.ts";
import { exchange } from "../../shared/kubernetes/transport.ts";

/** Bundled as functions are: uses what bundling cuts down, and prints what comes of it. */

const server = createServer((request, response) => request.pipe(response));

/** A proxy that tunnels. */
const proxy = createServer().on("connect", (_, client, head) => {
  const target = connect((server.address() as AddressInfo).port, "127.0.0.1", () => {
    client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
    target.write(head);
    target.pipe(client).pipe(target);
  });
});

async function listen(on: Server): Promise<string> {
  await new Promise<void>((resolve) => on.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(on.address() as AddressInfo).port}`;
}

async function send(dispatcher: Dispatcher, origin: string, body: string): Promise<string> {
  const line = { dispatcher, waiting: dispatcher, origin, prefix: "", headers: {} };
  const request = {
    method: "POST",
    path: "/",
    headers: {},
    body,
    timeoutMs: 5_000,
    signal: undefined,
  } as const;
  const { status, text } = await exchange(line, { ...request, waits: false });
  return `${status} ${text}`;
}

async function askEtcd(): Promise<string> {
  const client = EtcdClient.connect({ endpoints: ["http://127.0.0.1:1"] }, { timeoutMs: 2_000 });
  try {
    await client.getMany(["/calico"]);
    return "an answer";
  } catch (error) {
    return error instanceof Error && "code" in error ? String(error.code) : String(error);
  } finally {
    client.close();
  }
}

/** A call by each of AWS's clients: the server sends back what it is sent. */
async function callAws(endpoint: string): Promise<number[]> {
  const credentials = { accessKeyId: "a", secretAccessKey: "b" };
  const config = { endpoint, region: "eu-west-1", credentials, maxAttempts: 1 };
  const names = { Name: "a", GroupName: "a", ScheduleExpression: "rate(1 minute)" };
  const target = { Arn: "a", RoleArn: "a" };
  const flexible = { FlexibleTimeWindow: { Mode: "OFF" as const }, Target: target };
  const answers = await Promise.all([
    new S3Client({ ...config, forcePathStyle: true }).send(new GetObjectCommand({ Bucket: "a", Key: "a" })),
    new DynamoDBClient(config).send(new GetItemCommand({ TableName: "a", Key: { pk: { S: "a" } } })),
    new SQSClient({ ...config, md5: false }).send(new ReceiveMessageCommand({ QueueUrl: `${endpoint}/a` })),
    new EventBridgeClient(config).send(new PutEventsCommand({ Entries: [] })),
    new SchedulerClient(config).send(new CreateScheduleCommand({ ...names, ...flexible })),
    new SecretsManagerClient(config).send(new GetSecretValueCommand({ SecretId: "a" })),
  ]);
  return answers.map(({ $metadata }) => $metadata.httpStatusCode ?? 0);
}

const origin = await listen(server);
const told = {
  http: await send(new Pool(origin), origin, "over HTTP"),
  proxy: await send(
    new ProxyAgent({ uri: await listen(proxy), proxyTunnel: true }),
    origin,
    "through a proxy",
  ),
  etcd: await askEtcd(),
  aws: await callAws(origin),
  yaml: parseAllDocuments("mode: 0644\n---\n&a [yes]", { version: "1.1" }).map(
    (one) => one.toJS() as unknown,
  ),
  zod: z.strictObject({ at: z.iso.datetime() }).safeParse({ at: "now", more: 1 }).error?.issues.length,
  pattern: ["α", "a"].map((text) => goPattern("^\\p{Greek}$")?.test(text)),
};
console.log(JSON.stringify(told));
process.exit(0);
