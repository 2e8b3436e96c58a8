import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  ConditionalCheckFailedException,
  CreateTableCommand,
  DynamoDBClient,
  PutItemCommand,
} from "@aws-sdk/client-dynamodb";
import { CreateScheduleCommand, GetScheduleCommand, SchedulerClient } from "@aws-sdk/client-scheduler";
import {
  CreateQueueCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { transformSync } from "esbuild";
import { startDynamoDbLocal } from "./harness/dynamodb-local.ts";
import {
  type LocalStack,
  lambdaProcesses,
  requestCounts,
  resetRequestCounts,
  startLocalStack,
} from "./harness/localstack/index.ts";
import type { Task, TraceLine } from "./harness/localstack/testing/handlers.ts";
import { type LambdaApi, lambdaApi } from "./harness/localstack/testing/lambda-api.ts";
import { listens } from "./harness/ports.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { waitUntil } from "./harness/wait.ts";
import { startDynamoDbGate } from "./rig/dynamodb-gate.ts";

const folder = temporaryFolder("localstack-test");
const tracePath = join(folder, "trace.ndjson");
const code = functionCode();
let localStack: LocalStack;
let lambda: LambdaApi;
let sqs: SQSClient;

before(async () => {
  localStack = await startLocalStack({ local: true, schedulerSpeed: 60 });
  lambda = lambdaApi(localStack);
  sqs = new SQSClient(clientOptions());
});
after(async () => {
  await localStack.stop();
  removeFolder(folder);
});

function functionCode(): string {
  const source = readFileSync(join(import.meta.dirname, "harness/localstack/testing/handlers.ts"), "utf8");
  return transformSync(source, { loader: "ts", format: "esm" }).code;
}

function clientOptions() {
  const { endpoint, region, credentials } = localStack;
  return { endpoint, region, credentials, maxAttempts: 1 };
}

async function createQueue(name: string, attributes: Record<string, string> = {}) {
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: name, Attributes: attributes }));
  return { url: QueueUrl ?? "", arn: `arn:aws:sqs:${localStack.region}:000000000000:${name}` };
}

async function createBatchFunction(name: string): Promise<void> {
  await lambda.createFunction({
    name,
    handler: "index.batch",
    code,
    timeoutSeconds: 20,
    env: { TRACE: tracePath },
  });
}

async function send(url: string, task: Task): Promise<void> {
  await sqs.send(new SendMessageCommand({ QueueUrl: url, MessageBody: JSON.stringify(task) }));
}

function receive(url: string, what: string): Promise<string> {
  return waitUntil({ what, timeoutMs: 60_000, intervalMs: 100 }, async () => {
    const { Messages } = await sqs.send(new ReceiveMessageCommand({ QueueUrl: url, WaitTimeSeconds: 2 }));
    return Messages?.[0]?.Body;
  });
}

function trace(what: TraceLine["what"], prefix: string): TraceLine[] {
  if (!existsSync(tracePath)) return [];
  const lines = readFileSync(tracePath, "utf8").trimEnd().split("\n");
  return lines
    .map((line) => JSON.parse(line) as TraceLine)
    .filter((line) => line.what === what && line.name.startsWith(prefix));
}

describe("a function", () => {
  before(() => lambda.createFunction({ name: "echo", handler: "index.echo", code }));

  test("is invoked in a process of this machine with Lambda's context and no setting of the user's", async () => {
    const { payload, error } = await lambda.invoke("echo", { a: 1 });
    const { home, remainingMs, ...rest } = payload as { home: string; remainingMs: number };
    assert.equal(error, null);
    assert.deepEqual(rest, { event: { a: 1 }, functionName: "echo", endpoint: localStack.endpoint });
    assert.notEqual(home, process.env["HOME"]);
    assert.ok(remainingMs > 3_000 && remainingMs <= 5_000, String(remainingMs));
    const [found] = (await lambdaProcesses(localStack)).filter(({ functionName }) => functionName === "echo");
    assert.equal(found?.busy, false);
  });

  test("that cannot be loaded says why", async () => {
    await lambda.createFunction({ name: "unloadable", handler: "index.nothing", code });
    const { payload, error } = await lambda.invoke("unloadable", {});
    assert.equal(error, "Unhandled");
    assert.equal((payload as { errorType: string }).errorType, "Runtime.HandlerNotFound");
  });

  test("fails as on AWS when it throws, exits or hangs, and works again afterwards", async () => {
    await lambda.createFunction({ name: "misbehave", handler: "index.misbehave", code, timeoutSeconds: 1 });
    const ways = { throw: "TypeError", exit: "Runtime.ExitError", hang: "Sandbox.Timedout" };
    for (const [how, errorType] of Object.entries(ways)) {
      const failed = await lambda.invoke("misbehave", { how });
      assert.equal((failed.payload as { errorType: string }).errorType, errorType);
      assert.deepEqual(await lambda.invoke("misbehave", {}), { payload: "fine", error: null });
    }
  });
});

describe("a queue with a function", () => {
  test("gives only failed messages again, and then to the dead-letter queue", async () => {
    const dead = await createQueue("partial-dead");
    const redrive = JSON.stringify({ deadLetterTargetArn: dead.arn, maxReceiveCount: 2 });
    const queue = await createQueue("partial", { VisibilityTimeout: "5", RedrivePolicy: redrive });
    await createBatchFunction("partial");
    await lambda.connectQueue("partial", queue.arn);
    for (const name of ["p1", "p2", "p3"]) await send(queue.url, { name, fail: name === "p2" });
    const body = await receive(dead.url, "a dead letter");
    assert.equal((JSON.parse(body) as Task).name, "p2");
    assert.deepEqual(
      trace("start", "p2").map(({ received }) => received),
      [1, 2],
    );
    assert.equal(trace("start", "p").length, 4);
    assert.equal(trace("end", "p").length, 2);
  });

  test("is worked on by as many environments at once as the mapping allows", async () => {
    const queue = await createQueue("parallel", { VisibilityTimeout: "60" });
    await createBatchFunction("parallel");
    await lambda.connectQueue("parallel", queue.arn, 3);
    for (let i = 0; i < 6; i += 1) await send(queue.url, { name: `c${i}`, sleepMs: 1_500 });
    await waitUntil({ what: "all are done", timeoutMs: 60_000 }, () => trace("end", "c").length === 6);
    assert.equal(mostAtOnce("c"), 3);
  });

  test("gives a message again when the function's process is killed", async () => {
    const queue = await createQueue("killed", { VisibilityTimeout: "2" });
    await createBatchFunction("killed");
    await lambda.connectQueue("killed", queue.arn);
    await send(queue.url, { name: "k", sleepMs: 1_000 });
    await waitUntil({ what: "the function runs", timeoutMs: 60_000 }, () => trace("start", "k").length === 1);
    const [victim] = (await lambdaProcesses(localStack)).filter(
      ({ functionName }) => functionName === "killed",
    );
    assert.equal(victim?.busy, true);
    process.kill(victim.pid, "SIGKILL");
    await waitUntil({ what: "it is done", timeoutMs: 60_000 }, () => trace("end", "k").length === 1);
    assert.deepEqual(
      trace("start", "k").map(({ received }) => received),
      [1, 2],
    );
  });

  test("is left alone once the mapping is removed", async () => {
    const queue = await createQueue("removed");
    await createBatchFunction("removed");
    const mapping = await lambda.connectQueue("removed", queue.arn);
    await send(queue.url, { name: "r1" });
    await waitUntil({ what: "the mapping works", timeoutMs: 60_000 }, () => trace("end", "r").length === 1);
    await lambda.disconnectQueue(mapping);
    await send(queue.url, { name: "r2" });
    assert.equal((JSON.parse(await receive(queue.url, "the message")) as Task).name, "r2");
  });
});

/** How many tasks whose name starts so were under way at the same time. */
function mostAtOnce(prefix: string): number {
  const starts = trace("start", prefix).map(({ at }) => ({ at, step: 1 }));
  const ends = trace("end", prefix).map(({ at }) => ({ at, step: -1 }));
  let now = 0;
  const levels = [...starts, ...ends]
    .sort((a, b) => a.at - b.at || a.step - b.step)
    .map(({ step }) => (now += step));
  return Math.max(...levels);
}

describe("a schedule", () => {
  const FlexibleTimeWindow = { Mode: "OFF" } as const;
  const RoleArn = "arn:aws:iam::000000000000:role/test";

  test("that is one-off fires at its time and is deleted then", async () => {
    const scheduler = new SchedulerClient(clientOptions());
    const queue = await createQueue("one-off");
    const at = new Date(Date.now() + 2_000).toISOString().slice(0, 19);
    await scheduler.send(
      new CreateScheduleCommand({
        Name: "one-off",
        ScheduleExpression: `at(${at})`,
        ActionAfterCompletion: "DELETE",
        FlexibleTimeWindow,
        Target: { Arn: queue.arn, RoleArn, Input: '{"wake":"up"}' },
      }),
    );
    assert.equal(await receive(queue.url, "the schedule fires"), '{"wake":"up"}');
    assert.ok(Date.now() >= Date.parse(`${at}Z`));
    await assert.rejects(scheduler.send(new GetScheduleCommand({ Name: "one-off" })), {
      name: "ResourceNotFoundException",
    });
  });

  test("at a rate fires again and again, sixty times as often here", async () => {
    const scheduler = new SchedulerClient(clientOptions());
    const queue = await createQueue("rate");
    await scheduler.send(
      new CreateScheduleCommand({
        Name: "rate",
        ScheduleExpression: "rate(1 minute)",
        FlexibleTimeWindow,
        Target: { Arn: queue.arn, RoleArn, Input: "tick" },
      }),
    );
    assert.equal(await receive(queue.url, "a first tick"), "tick");
    assert.equal(await receive(queue.url, "a second tick"), "tick");
  });
});

async function createTable(dynamodb: DynamoDBClient): Promise<void> {
  await dynamodb.send(
    new CreateTableCommand({
      TableName: "items",
      BillingMode: "PAY_PER_REQUEST",
      AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }],
      KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }],
    }),
  );
}

function putNew(pk: string): PutItemCommand {
  return new PutItemCommand({
    TableName: "items",
    Item: { pk: { S: pk } },
    ConditionExpression: "attribute_not_exists(pk)",
  });
}

describe("DynamoDB", () => {
  let dynamodb: DynamoDBClient;
  before(async () => {
    dynamodb = new DynamoDBClient(clientOptions());
    await createTable(dynamodb);
  });

  test("keeps conditions", async () => {
    await dynamodb.send(putNew("a"));
    await assert.rejects(dynamodb.send(putNew("a")), ConditionalCheckFailedException);
  });

  test("counts requests", async () => {
    await resetRequestCounts(localStack);
    await dynamodb.send(putNew("b"));
    await dynamodb.send(putNew("c"));
    assert.equal((await requestCounts(localStack))["dynamodb.PutItem"], 2);
  });

  test("has the same tables behind a gate, which throttles every n-th request while it is told to", async () => {
    const gate = await startDynamoDbGate(localStack.dynamoDbEndpoint ?? "");
    const behind = new DynamoDBClient({ ...clientOptions(), endpoint: gate.endpoint });
    await assert.rejects(behind.send(putNew("a")), ConditionalCheckFailedException);
    gate.throttle(2);
    await behind.send(putNew("d"));
    await assert.rejects(behind.send(putNew("e")), { name: "ProvisionedThroughputExceededException" });
    await behind.send(putNew("e"));
    gate.open();
    await behind.send(putNew("f"));
    await assert.rejects(dynamodb.send(putNew("f")), ConditionalCheckFailedException);
    await gate.stop();
  });
});

test("DynamoDB Local alone keeps conditions too, and stops", async () => {
  const alone = await startDynamoDbLocal();
  const dynamodb = new DynamoDBClient({ ...clientOptions(), endpoint: alone.endpoint });
  await createTable(dynamodb);
  await dynamodb.send(putNew("a"));
  await assert.rejects(dynamodb.send(putNew("a")), ConditionalCheckFailedException);
  await alone.stop();
  assert.equal(await listens(Number(new URL(alone.endpoint).port)), false);
});

test("once stopped it leaves no process, port or file", async () => {
  await lambda.createFunction({ name: "last", handler: "index.echo", code });
  const { home } = (await lambda.invoke("last", {})).payload as { home: string };
  const environments = await lambdaProcesses(localStack);
  assert.ok(environments.length > 0 && environments.every(({ pid }) => isRunning(pid)));
  assert.ok(existsSync(home));
  await localStack.stop();
  assert.deepEqual(
    environments.filter(({ pid }) => isRunning(pid)),
    [],
  );
  assert.equal(await listens(Number(new URL(localStack.endpoint).port)), false);
  assert.equal(existsSync(home), false);
});

/** False for what has ended, also when nobody has asked for its exit status yet. */
function isRunning(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8") !== "";
  } catch {
    return false;
  }
}
