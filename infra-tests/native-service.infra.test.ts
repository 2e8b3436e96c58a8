import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { storeManifest } from "../cli/start/manifests.ts";
import { EVENT_SCHEMAS, toCloudEvent } from "../events/domain.ts";
import type { DomainEvent, RunRecord } from "../shared/engine/records.ts";
import { SERVED_KINDS } from "./harness/aggregated/kinds.ts";
import { type LocalStack, startLocalStack } from "./harness/localstack/index.ts";
import { type NativeBed, startNativeBed } from "./rig/native/bed.ts";
import { dumpGroups, type GroupDumps } from "./rig/native/dump.ts";
import { Service } from "./rig/service.ts";

const CLUSTER = "native";
const BY = "infra-test";
/** As quick as the stack's own bounds allow. */
const CONFIG = { leaseTtlSeconds: 10, messageVisibilitySeconds: 10, functionTimeoutSeconds: 30 };
const SCHEDULER_SPEED = 12;
const TIMEOUT_MS = 400_000;

function why({ state, stage, failure, waiting }: RunRecord): string {
  return JSON.stringify({ state, stage, failure, waiting });
}

function differences(one: GroupDumps, other: GroupDumps): string[] {
  return [...one.old.changesUntil(other.old), ...one.native.changesUntil(other.native)].map(({ id }) => id);
}

describe("a migration to native CRDs by the deployed service", () => {
  let localStack: LocalStack;
  let bed: NativeBed;
  let service: Service;
  let crds: string;

  before(async () => {
    [localStack, bed] = await Promise.all([
      startLocalStack({ local: true, schedulerSpeed: SCHEDULER_SPEED }),
      startNativeBed({ resources: 100, nodes: 1 }),
    ]);
    // Past LocalStack, which is slow at it.
    service = await Service.deploy(localStack, CONFIG, localStack.dynamoDbEndpoint ?? localStack.endpoint);
    await service.addCluster(CLUSTER, bed);
    crds = await storeManifest(service.artifacts, bed.manifestFile);
  });
  after(async () => {
    await service.destroy();
    await Promise.all([localStack.stop(), bed.stop()]);
  });

  function startRun(stopBefore?: string): Promise<string> {
    const options = { crds, quietMs: 500 };
    const start = { migration: "apiserver-to-crds", options, approvals: [] };
    return service.start(CLUSTER, stopBefore === undefined ? start : { ...start, stopBefore });
  }

  /** Waits until the run asks for this approval: a command that was sent before may still be on its way. */
  async function asksFor(runId: string, subject: string): Promise<RunRecord> {
    const asks = ({ state, waiting }: RunRecord): boolean =>
      state === "Failed" || (waiting?.reason === "Approval" && waiting.subject === subject);
    const run = await service.settled(runId, asks, TIMEOUT_MS);
    assert.equal(run.waiting?.subject, subject, why(run));
    return run;
  }

  async function eventsOf(runId: string): Promise<DomainEvent[]> {
    const { eventSequence = 0 } = (await service.store.getRun(runId)) ?? {};
    return service.store.listEvents({ runId, after: 0, limit: eventSequence });
  }

  test("aborted right before the unlock, it leaves no trace", async () => {
    const untouched = await dumpGroups(bed.api);
    const runId = await startRun("unlock");
    const { stage } = await asksFor(runId, "unlock");
    assert.equal(stage, "unlock", "it has gone through everything inside the lock");
    await service.send({ type: "AbortRequested", data: { runId, by: BY } });
    const run = await service.settled(
      runId,
      ({ state, track }) => state === "Aborted" || (state === "Failed" && track === "rollback"),
      TIMEOUT_MS,
    );
    assert.equal(run.state, "Aborted", why(run));
    assert.deepEqual(differences(untouched, await dumpGroups(bed.api)), []);
  });

  test("goes from one command to the cleanup, each step approved over the bus", async () => {
    const runId = await startRun();
    for (const subject of ["unlock", "cleanup"]) {
      await asksFor(runId, subject);
      await service.send({ type: "ApproveRun", data: { runId, subject, by: BY } });
    }
    const over = ({ state }: RunRecord): boolean => state === "Succeeded" || state === "Failed";
    const run = await service.settled(runId, over, TIMEOUT_MS);
    assert.equal(run.state, "Succeeded", why(run));

    const { old, native } = await dumpGroups(bed.api);
    assert.equal(old.entries.size, 0, "the old CRDs are gone");
    const counts = new Map<string, number>();
    for (const text of native.entries.values()) {
      const { kind } = JSON.parse(text) as { kind: string };
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    for (const [kind, expected] of bed.expected) assert.equal(counts.get(kind), expected, kind);
    assert.ok(counts.size > SERVED_KINDS.size, "kinds are there that the aggregated API never served");

    const artifacts = (await service.artifacts.list(`runs/${runId}/`)).map(({ name }) => name);
    assert.ok(
      artifacts.some((name) => name.includes("backup")),
      artifacts.join(" "),
    );
    for (const event of await eventsOf(runId)) {
      const schema = EVENT_SCHEMAS[event.type];
      assert.ok(schema?.safeParse(toCloudEvent(event, { source: BY })).success, JSON.stringify(event));
    }
  });
});
