import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import {
  CreateEventBusCommand,
  DeleteEventBusCommand,
  DeleteRuleCommand,
  EventBridgeClient,
  PutRuleCommand,
  PutTargetsCommand,
  RemoveTargetsCommand,
} from "@aws-sdk/client-eventbridge";
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectsCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  S3Client,
} from "@aws-sdk/client-s3";
import {
  CreateScheduleGroupCommand,
  DeleteScheduleGroupCommand,
  GetScheduleCommand,
  ListSchedulesCommand,
  SchedulerClient,
} from "@aws-sdk/client-scheduler";
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SQSClient,
} from "@aws-sdk/client-sqs";
import { parseWork } from "../events/work.ts";
import { EventBridgeSink } from "../shared/adapters/aws/eventbridge/event-sink.ts";
import { S3ArtifactStore } from "../shared/adapters/aws/s3/artifact-store.ts";
import { SchedulerLaterSender } from "../shared/adapters/aws/scheduler/later-sender.ts";
import { hideFor, keepHidden } from "../shared/adapters/aws/sqs/visibility.ts";
import { SqsWorkSender } from "../shared/adapters/aws/sqs/work-sender.ts";
import { describeArtifactStore } from "../shared/engine/contract/artifact-store.contract.ts";
import type { WorkMessage } from "../shared/engine/ports.ts";
import { ManualClock } from "../shared/engine/testing/manual-clock.ts";
import { type LocalStack, startLocalStack } from "./harness/localstack/index.ts";
import { waitUntil } from "./harness/wait.ts";

const MIB = 1024 * 1024;
const id = randomUUID().slice(0, 8);
const advance: WorkMessage = { type: "run.advance", runId: "prod-1" };
const batch: WorkMessage = {
  type: "batch.work",
  runId: "prod-1",
  track: "forward",
  stage: "import",
  batch: 3,
};

let localstack: LocalStack | undefined;
let s3: S3Client;
let sqs: SQSClient;
let scheduler: SchedulerClient;
let eventBridge: EventBridgeClient;

before(async () => {
  localstack = await startLocalStack();
  const { endpoint, region, credentials } = localstack;
  const config = { endpoint, region, credentials };
  s3 = new S3Client({ ...config, forcePathStyle: true });
  sqs = new SQSClient(config);
  scheduler = new SchedulerClient(config);
  eventBridge = new EventBridgeClient(config);
});

after(() => localstack?.stop());

describe("artifacts in S3", () => {
  const [versioned, plain] = [`versioned-${id}`, `plain-${id}`];

  before(async () => {
    for (const Bucket of [versioned, plain]) await s3.send(new CreateBucketCommand({ Bucket }));
    await s3.send(
      new PutBucketVersioningCommand({ Bucket: versioned, VersioningConfiguration: { Status: "Enabled" } }),
    );
  });

  after(async () => {
    for (const bucket of [versioned, plain]) await removeBucket(bucket);
  });

  describeArtifactStore("S3ArtifactStore", () =>
    Promise.resolve({
      artifacts: new S3ArtifactStore({ s3, bucket: versioned, prefix: `${randomUUID()}/` }),
      clock: new ManualClock(),
      cleanup: () => Promise.resolve(),
    }),
  );

  for (const [how, singleBytes] of [
    ["at once", 100 * MIB],
    ["in parts", 6 * MIB],
  ] as const) {
    test(`an artifact larger than a request is copied ${how} to its name, and no draft stays`, async () => {
      const limits = { rangeBytes: 5 * MIB, copy: { singleBytes, partBytes: 6 * MIB, parallel: 2 } };
      const artifacts = new S3ArtifactStore({ s3, bucket: versioned, prefix: `${randomUUID()}/`, limits });
      const content = randomBytes(17 * MIB + 11);

      const artifact = await artifacts.write("backup", slices(content, 700_000));

      assert.equal(artifact.bytes, content.length);
      assert.deepEqual(await artifacts.find("backup"), artifact);
      assert.ok(content.equals(Buffer.concat(await Array.fromAsync(artifacts.read("backup")))));
      assert.deepEqual(await draftsIn(versioned), []);
    });
  }

  test("large content that breaks off leaves no draft and no upload", async () => {
    const artifacts = new S3ArtifactStore({ s3, bucket: plain });
    function* source() {
      yield randomBytes(20 * MIB);
      throw new Error("the source broke");
    }

    await assert.rejects(artifacts.write("backup", source()), /the source broke/);

    assert.deepEqual(await draftsIn(plain), []);
    const { Uploads = [] } = await s3.send(new ListMultipartUploadsCommand({ Bucket: plain }));
    assert.deepEqual(Uploads, []);
  });

  for (const [bucket, what] of [
    [versioned, "goes on with the old one"],
    [plain, "says so where the bucket has no versions"],
  ] as const) {
    test(`a reader whose artifact is replaced ${what}`, async () => {
      const limits = { rangeBytes: 1_000, copy: { singleBytes: MIB, partBytes: MIB, parallel: 1 } };
      const artifacts = new S3ArtifactStore({ s3, bucket, prefix: "replaced/", limits });
      const content = randomBytes(3_000);
      await artifacts.write("backup", [content]);

      const pieces: Uint8Array[] = [];
      const reading = async () => {
        for await (const piece of artifacts.read("backup")) {
          pieces.push(piece);
          await artifacts.write("backup", [Buffer.alloc(3_000, pieces.length)]);
        }
      };

      if (bucket === plain) await assert.rejects(reading(), { code: "ARTIFACT_REPLACED", retryable: true });
      else await reading();
      assert.ok(content.equals(Buffer.concat(pieces)) === (bucket === versioned));
    });
  }

  test("names may hold whatever people write, and are listed by code units", async () => {
    const artifacts = new S3ArtifactStore({ s3, bucket: plain, prefix: "names/" });
    const odd = ["a b+c&d=e%2F", "ü/日本", "\u{1f600}", "\uffee", "a'\"<x>", "q?x#y", "tail ", "C:\\x"];
    for (const name of odd) await artifacts.write(name, [Buffer.from(name)]);
    await s3.send(new PutObjectCommand({ Bucket: plain, Key: "names/folder/", Body: "x" }));

    const listed = await artifacts.list("");
    const [first] = await Array.fromAsync(artifacts.read("a b+c&d=e%2F"));

    assert.deepEqual(
      listed.map(({ name }) => name),
      [...odd].sort(),
    );
    assert.equal(Buffer.from(first ?? []).toString(), "a b+c&d=e%2F");
  });

  test("a bucket that is not there is refused", async () => {
    const artifacts = new S3ArtifactStore({ s3, bucket: `none-${id}` });

    await assert.rejects(artifacts.write("backup", [Buffer.from("x")]), { code: "AWS_REFUSED" });
    await assert.rejects(artifacts.list(""), { code: "AWS_REFUSED" });
  });
});

describe("work over SQS", () => {
  const queues = { runs: "", batches: "", rollbacks: "" };
  const sender = (later = { sendLater: () => Promise.reject(new Error("nothing is that late")) }) =>
    new SqsWorkSender({ sqs, queues, later, hops: 2 });

  before(async () => {
    for (const name of ["runs", "batches", "rollbacks"] as const) {
      const { QueueUrl = "" } = await sqs.send(new CreateQueueCommand({ QueueName: `${name}-${id}` }));
      queues[name] = QueueUrl;
    }
  });

  after(async () => {
    for (const QueueUrl of Object.values(queues)) await sqs.send(new DeleteQueueCommand({ QueueUrl }));
  });

  test("arrives in the queue of its kind, with its hops", async () => {
    const undo: WorkMessage = { ...batch, track: "rollback" };

    await sender().send([{ message: advance }, { message: batch }, { message: undo }]);

    for (const [queueUrl, message] of [
      [queues.runs, advance],
      [queues.batches, batch],
      [queues.rollbacks, undo],
    ] as const) {
      const received = await take(queueUrl);
      assert.deepEqual(parseWork(received.Body ?? ""), { message, hops: 2 });
    }
  });

  test("arrives after its delay", async () => {
    const sentAt = Date.now();

    await sender().send([{ message: batch, delayMs: 1_500 }]);

    assert.deepEqual(await receive(queues.batches), []);
    await take(queues.batches);
    assert.ok(Date.now() - sentAt >= 1_500);
  });

  test("is hidden while it is worked on, longer than the queue would hide it, and shows when told to", async () => {
    await sender().send([{ message: advance }]);
    const [message] = await waitForMessages(queues.runs, { VisibilityTimeout: 1 });
    const received = { sqs, queueUrl: queues.runs, receiptHandle: message?.ReceiptHandle ?? "" };

    const hidden = keepHidden({ ...received, visibilityMs: 2_000 });
    assert.deepEqual(await receive(queues.runs, { WaitTimeSeconds: 4 }), []);
    await hidden[Symbol.asyncDispose]();
    await hideFor(received, 0);

    await take(queues.runs);
  });

  test("shows soon after whoever worked on it has died", async () => {
    await sender().send([{ message: advance }]);
    const [message] = await waitForMessages(queues.runs, { VisibilityTimeout: 600 });
    const received = { sqs, queueUrl: queues.runs, receiptHandle: message?.ReceiptHandle ?? "" };

    const death = AbortSignal.timeout(700);
    const hidden = keepHidden({ ...received, visibilityMs: 1_000, signal: death });

    await take(queues.runs);
    await hidden[Symbol.asyncDispose]();
  });

  test("for a queue that is not there is refused", async () => {
    const missing = new SqsWorkSender({
      sqs,
      queues: { ...queues, runs: `${queues.runs}-none` },
      later: { sendLater: () => Promise.resolve() },
      hops: 0,
    });

    await assert.rejects(missing.send([{ message: advance }]), { code: "AWS_REFUSED" });
  });

  test("that waits for more than 15 minutes becomes one schedule", async () => {
    const group = `group-${id}`;
    await scheduler.send(new CreateScheduleGroupCommand({ Name: group }));
    const queueArn = await arnOf(queues.rollbacks);
    const later = new SchedulerLaterSender({
      scheduler,
      groupName: group,
      roleArn: "arn:aws:iam::000000000000:role/scheduler",
      queueArns: { runs: await arnOf(queues.runs), rollbacks: queueArn },
    });
    const clock = new ManualClock(Math.floor(Date.now() / 60_000) * 60_000);
    const message: WorkMessage = { ...advance, track: "rollback" };
    const twice = new SqsWorkSender({ sqs, queues, later, hops: 9, clock });

    for (const delayMs of [1_000_000, 1_000_001]) await twice.send([{ message, delayMs }]);

    const { Schedules = [] } = await scheduler.send(new ListSchedulesCommand({ GroupName: group }));
    assert.equal(Schedules.length, 1);
    const { ScheduleExpression, ActionAfterCompletion, FlexibleTimeWindow, Target } = await scheduler.send(
      new GetScheduleCommand({ GroupName: group, Name: Schedules[0]?.Name }),
    );
    const time = new Date(clock.now() + 17 * 60_000).toISOString().slice(0, 19);
    assert.deepEqual(
      [ScheduleExpression, ActionAfterCompletion, FlexibleTimeWindow?.Mode, Target?.Arn],
      [`at(${time})`, "DELETE", "OFF", queueArn],
    );
    assert.deepEqual(parseWork(Target?.Input ?? ""), { message, hops: 0 });
    await scheduler.send(new DeleteScheduleGroupCommand({ Name: group }));
  });
});

describe("events over EventBridge", () => {
  const [bus, rule] = [`bus-${id}`, `rule-${id}`];

  test("arrive where a rule sends them, as CloudEvents", async () => {
    const { QueueUrl = "" } = await sqs.send(new CreateQueueCommand({ QueueName: `events-${id}` }));
    await eventBridge.send(new CreateEventBusCommand({ Name: bus }));
    const pattern = { source: ["calico-migrator"], "detail-type": ["calico-migrator.run.failed.v1"] };
    await eventBridge.send(
      new PutRuleCommand({ Name: rule, EventBusName: bus, EventPattern: JSON.stringify(pattern) }),
    );
    const Targets = [{ Id: "queue", Arn: await arnOf(QueueUrl) }];
    await eventBridge.send(new PutTargetsCommand({ Rule: rule, EventBusName: bus, Targets }));
    const data = { code: "CODE", message: "m".repeat(300_000), next: "Do it.", stage: "import" };

    await new EventBridgeSink({ eventBridge, busName: bus }).emit([
      { runId: "prod-1", sequence: 4, type: "run.failed", time: Date.UTC(2026, 0, 1), data },
    ]);

    const { Body = "" } = await take(QueueUrl);
    assert.partialDeepStrictEqual(JSON.parse(Body), {
      source: "calico-migrator",
      time: "2026-01-01T00:00:00Z",
      detail: { id: "prod-1/4", subject: "prod-1", data: { code: "CODE", stage: "import" } },
    });
    await eventBridge.send(new RemoveTargetsCommand({ Rule: rule, EventBusName: bus, Ids: ["queue"] }));
    await eventBridge.send(new DeleteRuleCommand({ Name: rule, EventBusName: bus }));
    await eventBridge.send(new DeleteEventBusCommand({ Name: bus }));
    await sqs.send(new DeleteQueueCommand({ QueueUrl }));
  });
});

function* slices(content: Buffer, bytes: number): Generator<Buffer> {
  for (let first = 0; first < content.length; first += bytes) yield content.subarray(first, first + bytes);
}

/** Drafts of artifacts, deleted ones included. */
async function draftsIn(Bucket: string): Promise<unknown[]> {
  const { Versions = [], DeleteMarkers = [] } = await s3.send(
    new ListObjectVersionsCommand({ Bucket, Prefix: "staging/" }),
  );
  return [...Versions, ...DeleteMarkers];
}

async function removeBucket(Bucket: string): Promise<void> {
  for (;;) {
    const { Versions = [], DeleteMarkers = [] } = await s3.send(new ListObjectVersionsCommand({ Bucket }));
    const objects = [...Versions, ...DeleteMarkers];
    if (objects.length === 0) break;
    const Objects = objects.map(({ Key, VersionId }) => ({ Key, VersionId }));
    await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  }
  await s3.send(new DeleteBucketCommand({ Bucket }));
}

async function receive(
  QueueUrl: string,
  options: { VisibilityTimeout?: number; WaitTimeSeconds?: number } = {},
): Promise<Message[]> {
  const command = new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, ...options });
  return (await sqs.send(command)).Messages ?? [];
}

function waitForMessages(queueUrl: string, options: { VisibilityTimeout?: number } = {}): Promise<Message[]> {
  return waitUntil({ what: `a message in ${queueUrl}`, timeoutMs: 60_000 }, async () => {
    const messages = await receive(queueUrl, { WaitTimeSeconds: 1, ...options });
    return messages.length > 0 && messages;
  });
}

/** Receives the one message of a queue and deletes it. */
async function take(QueueUrl: string): Promise<Message> {
  const [message, ...others] = await waitForMessages(QueueUrl);
  assert.ok(message);
  assert.deepEqual(others, []);
  await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: message.ReceiptHandle }));
  return message;
}

async function arnOf(QueueUrl: string): Promise<string> {
  const command = new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ["QueueArn"] });
  return (await sqs.send(command)).Attributes?.["QueueArn"] ?? "";
}
