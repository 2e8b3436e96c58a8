import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SchedulerClient } from "@aws-sdk/client-scheduler";
import fc from "fast-check";
import { parseWork } from "../../../../events/work.ts";
import type { WorkMessage } from "../../../engine/ports.ts";
import { type FakeService, jsonError, startFakeService } from "../calls/testing/fake-service.ts";
import { SchedulerLaterSender } from "./later-sender.ts";

interface Schedule {
  GroupName: string;
  ScheduleExpression: string;
  ScheduleExpressionTimezone: string;
  FlexibleTimeWindow: { Mode: string };
  ActionAfterCompletion: string;
  Target: { Arn: string; RoleArn: string; Input: string };
}

const advance: WorkMessage = { type: "run.advance", runId: "prod-eu-1" };
const noon = Date.UTC(2026, 10, 21, 12);
const created = { body: JSON.stringify({ ScheduleArn: "arn:schedule" }) };

describe("a message for later", () => {
  test("becomes a schedule that fires once, at the next full minute, and deletes itself", async () => {
    await using service = await startFakeService(() => created);

    await senderOf(service).sendLater(advance, noon + 1);

    const [{ name, schedule }] = schedulesOf(service);
    const { Target, ...rest } = schedule;
    assert.match(name, /^20261121T1201_forward_prod-eu-1_[0-9a-f]{10}$/);
    assert.partialDeepStrictEqual(rest, {
      GroupName: "group",
      ScheduleExpression: "at(2026-11-21T12:01:00)",
      ScheduleExpressionTimezone: "UTC",
      FlexibleTimeWindow: { Mode: "OFF" },
      ActionAfterCompletion: "DELETE",
    });
    assert.deepEqual([Target.Arn, Target.RoleArn], ["arn:runs", "arn:role"]);
    assert.deepEqual(parseWork(Target.Input), { message: advance, hops: 0 });
  });

  test("goes to the queue of rollbacks when its run is undone, by a schedule of its own", async () => {
    await using service = await startFakeService(() => created);

    await senderOf(service).sendLater(advance, noon);
    await senderOf(service).sendLater({ ...advance, track: "rollback" }, noon);

    const [forward, rollback] = schedulesOf(service);
    assert.deepEqual(
      [forward.schedule.Target.Arn, rollback?.schedule.Target.Arn],
      ["arn:runs", "arn:rollbacks"],
    );
    assert.notEqual(forward.name, rollback?.name);
  });

  test("asked for again within its minute has the same schedule, whose conflict is fine", async () => {
    await using service = await startFakeService(() => jsonError(409, "ConflictException"));

    await senderOf(service).sendLater(advance, noon + 1_000);
    await senderOf(service).sendLater(advance, noon + 59_000);
    await senderOf(service).sendLater(advance, noon + 61_000);

    const [first, second, third] = schedulesOf(service).map(({ name }) => name);
    assert.equal(first, second);
    assert.notEqual(second, third);
  });

  test("has a name that Scheduler takes, another one for every run", async () => {
    await using service = await startFakeService(() => created);
    const sender = senderOf(service);
    const runId = fc.stringMatching(/^[a-z0-9-]{1,64}$/);

    await fc.assert(
      fc.asyncProperty(runId, runId, async (one, other) => {
        fc.pre(one !== other);
        service.requests.length = 0;
        for (const id of [one, other]) await sender.sendLater({ type: "run.advance", runId: id }, noon);
        const [first, second] = schedulesOf(service);
        assert.match(first.name, /^[0-9a-zA-Z_.-]{1,64}$/);
        assert.notEqual(first.name, second?.name);
      }),
      {
        numRuns: 20,
        examples: [
          ["a".repeat(64), "a".repeat(63)],
          ["a-b", "a--b"],
        ],
      },
    );
  });

  test("about a batch is refused: batches never wait for so long", async () => {
    await using service = await startFakeService(() => created);
    const message: WorkMessage = { type: "batch.work", runId: "r", track: "forward", stage: "s", batch: 0 };

    await assert.rejects(senderOf(service).sendLater(message, noon), /batch\.work/);

    assert.deepEqual(service.requests, []);
  });

  test("fails as the service does", async () => {
    await using throttled = await startFakeService(() => jsonError(429, "ThrottlingException"));
    await using full = await startFakeService(() => jsonError(402, "ServiceQuotaExceededException"));

    await assert.rejects(senderOf(throttled).sendLater(advance, noon), { code: "AWS_UNAVAILABLE" });
    await assert.rejects(senderOf(full).sendLater(advance, noon), {
      code: "AWS_REFUSED",
      message: /run "prod-eu-1"/,
    });
  });
});

function senderOf({ config }: FakeService): SchedulerLaterSender {
  return new SchedulerLaterSender({
    scheduler: new SchedulerClient(config),
    groupName: "group",
    roleArn: "arn:role",
    queueArns: { runs: "arn:runs", rollbacks: "arn:rollbacks" },
  });
}

function schedulesOf({ requests }: FakeService): [NamedSchedule, ...NamedSchedule[]] {
  const [first, ...others] = requests.map(({ path, body }) => ({
    name: decodeURIComponent(path.replace("/schedules/", "")),
    schedule: JSON.parse(body.toString()) as Schedule,
  }));
  assert.ok(first);
  return [first, ...others];
}

interface NamedSchedule {
  name: string;
  schedule: Schedule;
}
