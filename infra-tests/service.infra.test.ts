import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  GetQueueAttributesCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  StartMessageMoveTaskCommand,
} from "@aws-sdk/client-sqs";
import { encodeWork } from "../events/work.ts";
import { runLease } from "../shared/engine/lease-names.ts";
import { openLedger, ledgerPages } from "../shared/engine/ledger.ts";
import type { CheckpointStore, WorkMessage } from "../shared/engine/ports.ts";
import type { Lease, RunRecord } from "../shared/engine/records.ts";
import { expectedCounts, foundCounts } from "./crash/expected.ts";
import { dumpEtcd, dumpKubernetes } from "./harness/dump.ts";
import { lambdaProcesses, type LocalStack, startLocalStack } from "./harness/localstack/index.ts";
import type { Snapshot } from "./harness/snapshot.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";
import { waitUntil } from "./harness/wait.ts";
import { type Sides, startSides } from "./rig/clusters.ts";
import { type DynamoDbGate, startDynamoDbGate } from "./rig/dynamodb-gate.ts";
import { openEngine, startRun } from "./rig/runs.ts";
import { Service } from "./rig/service.ts";

const RESOURCES = 200;
const GROUP = "crd.projectcalico.org/v1";
const CLUSTER_INFORMATION = /clusterinformations\/default$/;
/** As quick as the stack's own bounds allow: what is lost shows soon. */
const CONFIG = {
  ...{ leaseTtlSeconds: 10, messageVisibilitySeconds: 10, functionTimeoutSeconds: 30 },
  // Commands are given up after half a minute instead of an hour.
  commandReceiveCount: 5,
};
/** A minute of rate() schedules becomes so many seconds: the wake-up and the look at dead letters. */
const SCHEDULER_SPEED = 12;
const HOPPING = "etcd-to-kubernetes-hopping";
const OPTIONS = { quietMs: 100, batchSize: 40 };

interface Dumps {
  etcd: Snapshot;
  kubernetes: Snapshot;
}

async function dump({ etcd, kubernetes }: Sides): Promise<Dumps> {
  const [source, target] = await Promise.all([dumpEtcd(etcd), dumpKubernetes(kubernetes.api)]);
  return { etcd: source, kubernetes: target };
}

/** What differs; ClusterInformation bears the id of the run that locked it. */
function differences(one: Dumps, other: Dumps): string[] {
  return [...one.etcd.changesUntil(other.etcd), ...one.kubernetes.changesUntil(other.kubernetes)]
    .map(({ id }) => id)
    .filter((id) => !CLUSTER_INFORMATION.test(id));
}

function why({ state, stage, failure, waiting }: RunRecord): string {
  return JSON.stringify({ state, stage, failure, waiting });
}

describe("the deployed service", () => {
  let localStack: LocalStack;
  let gate: DynamoDbGate;
  let service: Service;
  let sides: Sides;
  let untouched: Dumps;
  let migrated: Dumps | undefined;
  let held: Lease;

  before(async () => {
    [localStack, sides] = await Promise.all([
      startLocalStack({ local: true, schedulerSpeed: SCHEDULER_SPEED }),
      startSides({ resources: RESOURCES }, { etcdTls: true }),
    ]);
    // Past LocalStack, which is slow at it; the command line's own test has all its requests go through that.
    gate = await startDynamoDbGate(localStack.dynamoDbEndpoint ?? localStack.endpoint);
    service = await Service.deploy(localStack, CONFIG, gate.endpoint);
    await service.addCluster("east", sides);
    untouched = await dump(sides);
    await service.addCluster("held", sides);
    held = await startHopping();
  });
  after(async () => {
    await service.destroy();
    await Promise.all([localStack.stop(), sides.stop(), gate.stop()]);
  });
  afterEach(() => {
    gate.open();
  });

  async function ends(runId: string, state: RunRecord["state"], timeoutMs?: number): Promise<RunRecord> {
    const run = await service.settled(runId, undefined, timeoutMs);
    assert.equal(run.state, state, why(run));
    return run;
  }

  /** Asks for the run to be undone, and proves that both sides are as they were. */
  async function rollBack(runId: string): Promise<void> {
    await service.send({ type: "RollbackRequested", data: { cluster: "east", by: "infra-test" } });
    const isUndone = ({ state }: RunRecord): boolean => state === "RolledBack" || state === "Failed";
    const run = await service.settled(runId, isUndone);
    assert.equal(run.state, "RolledBack", why(run));
    assert.deepEqual(differences(untouched, await dump(sides)), []);
  }

  /** Migrates while `disturb` goes on, and back; the end must be that of the first, undisturbed one. */
  async function disturbed(disturb: (runId: string, over: AbortSignal) => Promise<void>): Promise<void> {
    const runId = await service.start("east", { options: { ...OPTIONS, batchSize: 10 } });
    const over = new AbortController();
    const disturbing = disturb(runId, over.signal);
    try {
      await ends(runId, "Succeeded");
    } finally {
      over.abort();
    }
    await disturbing;
    assert.ok(migrated, "the first test has migrated");
    assert.deepEqual(differences(migrated, await dump(sides)), []);
    await rollBack(runId);
  }

  test("migrates a cluster from one command to the report in the bucket, and back", async () => {
    const runId = await service.start("east", { options: OPTIONS });
    await ends(runId, "Succeeded");
    migrated = await dump(sides);

    assert.deepEqual(await foundCounts(sides.kubernetes.api, GROUP), expectedCounts(sides.seed, GROUP));
    const artifacts = await service.artifacts.list("");
    const names = artifacts.map(({ name }) => name).filter((name) => name.includes(runId));
    assert.ok(
      names.some((name) => name.includes("report")),
      names.join(" "),
    );
    assert.ok(
      names.some((name) => name.includes("backup")),
      names.join(" "),
    );
    await rollBack(runId);
  });

  test("leaves the same end state, and the same checkpoints, as the embedded mode", async () => {
    const folder = temporaryFolder("service");
    const { caFile = "", certFile = "", keyFile = "" } = sides.etcd;
    const rig = openEngine(join(folder, "store.db"), {
      etcdEndpoint: sides.etcd.endpoint,
      etcdFiles: { caFile, certFile, keyFile },
      kubeconfig: sides.kubernetes.kubeconfig,
    });
    try {
      const embeddedRun = await startRun(rig, OPTIONS);
      assert.equal((await rig.drive(embeddedRun)).state, "Succeeded");
      const embedded = await dump(sides);
      const embeddedCheckpoints = await checkpoints(rig.embedded.store, embeddedRun);
      await rig.engine.undo(embeddedRun, "rollback");
      assert.equal((await rig.drive(embeddedRun)).state, "RolledBack");

      const serviceRun = await service.start("east", { options: OPTIONS });
      await ends(serviceRun, "Succeeded");
      assert.deepEqual(differences(embedded, await dump(sides)), []);
      assert.deepEqual(await checkpoints(service.store, serviceRun), embeddedCheckpoints);
      await rollBack(serviceRun);
    } finally {
      rig.close();
      removeFolder(folder);
    }
  });

  test("does the same when messages come twice, late and out of order", () =>
    disturbed(async (runId, over) => {
      while (!over.aborted) {
        const { stage = "pre-copy", track = "forward" } = (await service.store.getRun(runId)) ?? {};
        await sendAll([
          ...[0, 1].map((): WorkMessage => ({
            type: "batch.work",
            runId,
            track,
            stage,
            batch: randomInt(20),
          })),
          { type: "batch.work", runId, track: "forward", stage: "pre-copy", batch: randomInt(20) },
          { type: "run.advance", runId },
        ]);
        await sleep(2000);
      }
    }));

  test("does the same when its functions are killed in the middle of a batch", () =>
    disturbed(async (_runId, over) => {
      let killed = 0;
      while (!over.aborted && killed < 3) {
        const busy = (await lambdaProcesses(localStack)).find(
          (one) => one.busy && /batch/i.test(one.functionName),
        );
        if (busy !== undefined) {
          process.kill(busy.pid, "SIGKILL");
          killed++;
        }
        await sleep(busy === undefined ? 20 : 700);
      }
      assert.ok(killed > 1, `${killed} functions killed`);
    }));

  test("does the same when a worker comes back to life after its lease was taken over", () =>
    disturbed(async (_runId, over) => {
      const busy = await waitUntil({ what: "a batch at work", timeoutMs: 60_000, intervalMs: 10 }, async () =>
        (await lambdaProcesses(localStack)).find((one) => one.busy && /batch/i.test(one.functionName)),
      );
      process.kill(busy.pid, "SIGSTOP");
      try {
        await sleep((CONFIG.leaseTtlSeconds + 5) * 1000, undefined, { signal: over }).catch(() => undefined);
      } finally {
        process.kill(busy.pid, "SIGCONT");
      }
    }));

  test("goes on after more than a hundred hops", async () => {
    const hops = await waitUntil(
      { what: "a hundred hops", timeoutMs: 400_000, intervalMs: 100 },
      async () => {
        const seen = await hopsOf(HOPPING);
        return seen > 100 && seen;
      },
    );
    assert.ok(hops > 100);
    await service.store.releaseLease(held);
    const run = await service.settled(HOPPING);
    assert.equal(run.waiting?.subject, "lock", why(run));
    await service.send({ type: "AbortRequested", data: { runId: HOPPING, by: "infra-test" } });
    await service.settled(HOPPING, ({ state }) => state === "Aborted");
  });

  test("does the same while DynamoDB throttles one request in five", () =>
    disturbed(async (_runId, over) => {
      gate.throttle(5);
      await once(over, "abort");
      gate.open();
    }));

  test("says that a cluster's token has expired, and goes on with a new one", async () => {
    // Under a name of its own: functions keep what they have read of a secret for five minutes.
    await service.addCluster("expired", sides, "expired-token");
    const runId = await service.start("expired", { options: OPTIONS, stopBefore: "lock" });
    const run = await service.settled(
      runId,
      ({ state, waiting }) => state === "Failed" || waiting?.reason === "Backoff",
    );
    assert.match(run.failure?.code ?? run.waiting?.message ?? "", /CLUSTER_SECRET_REFUSED/);
    assert.doesNotMatch(JSON.stringify(run), /expired-token/);

    await service.addCluster("expired", sides);
    await service.send({ type: "ResumeRun", data: { runId, by: "infra-test" } });
    const waiting = await service.settled(
      runId,
      ({ state, waiting }) => state === "Waiting" && waiting?.reason === "Approval",
    );
    assert.equal(waiting.waiting?.subject, "lock", why(waiting));
    await service.send({ type: "AbortRequested", data: { runId, by: "infra-test" } });
    const aborted = await service.settled(runId, ({ state }) => state === "Aborted" || state === "Failed");
    assert.equal(aborted.state, "Aborted", why(aborted));
    assert.deepEqual(differences(untouched, await dump(sides)), []);
  });

  test("keeps a poison message in the dead-letter queue, and its run says so", async () => {
    const runId = await service.start("east", { options: OPTIONS, stopBefore: "lock" });
    await service.settled(runId);
    const QueueUrl = service.output("BatchesQueueUrl");
    const poison = {
      version: 1,
      type: "batch.work",
      runId,
      track: "forward",
      stage: "pre-copy",
      batch: "zero",
      hops: 0,
    };
    await service.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(poison) }));

    const run = await service.settled(runId, ({ conditions }) =>
      conditions.some(({ type }) => type === "DeadLettered"),
    );
    assert.match(run.conditions.find(({ type }) => type === "DeadLettered")?.message ?? "", /batches/i);
    assert.equal(run.state, "Waiting", "what it was about is not harmed");
    assert.equal(await depth("BatchesDeadLetterQueueUrl"), 1);
    await service.send({ type: "AbortRequested", data: { runId, by: "infra-test" } });
    await service.settled(runId, ({ state }) => state === "Aborted");
  });

  test("redriving the dead-letter queue carries out a command that could not be", async () => {
    gate.deny();
    const runId = await service.start("east", { options: OPTIONS, stopBefore: "lock" });
    await waitUntil(
      { what: "the command in the dead-letter queue", timeoutMs: 240_000, intervalMs: 500 },
      async () => (await depth("CommandsDeadLetterQueueUrl")) > 0,
    );
    gate.open();
    assert.equal(await service.store.getRun(runId), undefined);

    // A message that is being looked through just now is not moved; asking again moves it.
    await waitUntil({ what: "the redriven command", timeoutMs: 120_000, intervalMs: 1000 }, async () => {
      if ((await depth("CommandsDeadLetterQueueUrl")) > 0) await redrive("CommandsDeadLetterQueueUrl");
      return (await service.store.getRun(runId)) !== undefined;
    });
    const run = await service.settled(runId);
    assert.equal(run.waiting?.subject, "lock", why(run));
    await service.send({ type: "AbortRequested", data: { runId, by: "infra-test" } });
    await service.settled(runId, ({ state }) => state === "Aborted");
  });

  test("migrates two clusters at once", async () => {
    const west = await startSides({ resources: RESOURCES }, { etcdTls: true });
    try {
      await service.addCluster("west", west);
      const runs = await Promise.all(
        ["east", "west"].map((name) => service.start(name, { options: OPTIONS })),
      );
      for (const runId of runs) await ends(runId, "Succeeded");

      assert.ok(migrated);
      assert.deepEqual(differences(migrated, await dump(sides)), []);
      assert.deepEqual(await foundCounts(west.kubernetes.api, GROUP), expectedCounts(west.seed, GROUP));
      await rollBack(runs[0] ?? "");
    } finally {
      await west.stop();
    }
  });

  /** Starts a run that somebody else holds: its message goes from hop to hop while the other tests go on. */
  async function startHopping(): Promise<Lease> {
    const lease = await service.store.acquireLease(runLease(HOPPING), "infra-test", 3_600_000);
    assert.ok(lease);
    await service.send({
      type: "StartRun",
      data: {
        ...{
          runId: HOPPING,
          migration: "etcd-to-kubernetes",
          cluster: "held",
          options: OPTIONS,
          approvals: [],
        },
        ...{ stopBefore: "lock", by: "infra-test" },
      },
    });
    return lease;
  }

  async function sendAll(messages: readonly WorkMessage[]): Promise<void> {
    const entries = messages.map((message, index) => ({
      message,
      Id: String(index),
      MessageBody: encodeWork(message, 0),
    }));
    for (const [output, type] of [
      ["RunsQueueUrl", "run.advance"],
      ["BatchesQueueUrl", "batch.work"],
    ] as const) {
      const Entries = entries
        .filter(({ message }) => message.type === type)
        .map(({ message: _, ...entry }) => entry);
      await service.sqs.send(new SendMessageBatchCommand({ QueueUrl: service.output(output), Entries }));
    }
  }

  async function depth(output: string): Promise<number> {
    const query = { QueueUrl: service.output(output), AttributeNames: ["All" as const] };
    const { Attributes } = await service.sqs.send(new GetQueueAttributesCommand(query));
    const { ApproximateNumberOfMessages = 0, ApproximateNumberOfMessagesNotVisible = 0 } = Attributes ?? {};
    return Number(ApproximateNumberOfMessages) + Number(ApproximateNumberOfMessagesNotVisible);
  }

  async function redrive(output: string): Promise<void> {
    const query = { QueueUrl: service.output(output), AttributeNames: ["QueueArn" as const] };
    const { Attributes } = await service.sqs.send(new GetQueueAttributesCommand(query));
    await service.sqs.send(new StartMessageMoveTaskCommand({ SourceArn: Attributes?.["QueueArn"] ?? "" }));
  }

  /** The hops of the run's message, looked at without being received. */
  async function hopsOf(runId: string): Promise<number> {
    const address = new URL("/_aws/sqs/messages", localStack.endpoint);
    const query = { QueueUrl: service.output("RunsQueueUrl"), ShowInvisible: "true", ShowDelayed: "true" };
    address.search = new URLSearchParams(query).toString();
    const answer = await fetch(address, { headers: { accept: "application/json" } });
    const bodies = (await answer.text()).replaceAll("\\", "").matchAll(/"runId":"([^"]*)","hops":(\d+)/g);
    return Math.max(0, ...[...bodies].filter(([, run]) => run === runId).map(([, , hops]) => Number(hops)));
  }
});

/** What a run knows of each resource, without what differs between two runs. */
async function checkpoints(store: CheckpointStore, runId: string): Promise<string[]> {
  const ledger = openLedger(store, runId, "resources", () => {
    throw new Error("only read");
  });
  const lines: string[] = [];
  for await (const page of ledgerPages(ledger, { limit: 500 })) {
    lines.push(...page.map(({ rank, key, state, target }) => JSON.stringify({ rank, key, state, target })));
  }
  return lines;
}
