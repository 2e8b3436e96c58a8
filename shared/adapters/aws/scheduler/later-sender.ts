import { createHash } from "node:crypto";
import { ConflictException, CreateScheduleCommand, type SchedulerClient } from "@aws-sdk/client-scheduler";
import { encodeWork } from "../../../../events/work.ts";
import type { WorkMessage } from "../../../engine/ports.ts";
import { callAws } from "../calls/failure.ts";
import type { LaterSender } from "../sqs/later-sender.ts";

const MINUTE_MS = 60_000;

/** How much of a run's id the name of a schedule shows; with kind, minute and hash it has at most 64 characters. */
const SHOWN_RUN_ID = 28;

/**
 * Sends a message later by a one-off schedule of EventBridge Scheduler that deletes itself. Times are rounded up to the
 * minute, which is how exact Scheduler is, and the schedule's name follows from run, kind and minute: asking twice makes
 * one schedule. The message starts a new chain of hops.
 */
export class SchedulerLaterSender implements LaterSender {
  readonly #scheduler: SchedulerClient;
  readonly #groupName: string;
  readonly #roleArn: string;
  readonly #queueArns: { runs: string; rollbacks: string };

  /** `roleArn`: the role by which Scheduler sends to both queues. */
  constructor(parts: {
    scheduler: SchedulerClient;
    groupName: string;
    roleArn: string;
    queueArns: { runs: string; rollbacks: string };
  }) {
    this.#scheduler = parts.scheduler;
    this.#groupName = parts.groupName;
    this.#roleArn = parts.roleArn;
    this.#queueArns = parts.queueArns;
  }

  /** Throws AWS_UNAVAILABLE, AWS_DENIED or AWS_REFUSED, and an Error for batches: only runs wait that long. */
  async sendLater(message: WorkMessage, at: number): Promise<void> {
    if (message.type !== "run.advance") {
      throw new Error(`a message of type ${message.type} never waits for so long that it needs a schedule`);
    }
    const time = new Date(Math.ceil(at / MINUTE_MS) * MINUTE_MS)
      .toISOString()
      .slice(0, "yyyy-mm-ddThh:mm:ss".length);
    const command = new CreateScheduleCommand({
      Name: scheduleName(message, time),
      GroupName: this.#groupName,
      ScheduleExpression: `at(${time})`,
      ScheduleExpressionTimezone: "UTC",
      FlexibleTimeWindow: { Mode: "OFF" },
      ActionAfterCompletion: "DELETE",
      Target: {
        Arn: message.track === "rollback" ? this.#queueArns.rollbacks : this.#queueArns.runs,
        RoleArn: this.#roleArn,
        Input: encodeWork(message, 0),
      },
    });
    await callAws(`schedule the continuation of run "${message.runId}"`, async () => {
      try {
        await this.#scheduler.send(command);
      } catch (error) {
        if (!(error instanceof ConflictException)) throw error;
      }
    });
  }
}

/** Begins with the minute, so that people see what comes next; the hash keeps runs with similar ids apart. */
function scheduleName({ runId, track }: WorkMessage, time: string): string {
  const minute = time.slice(0, "yyyy-mm-ddThh:mm".length).replaceAll(/[-:]/g, "");
  const shown = runId.slice(0, SHOWN_RUN_ID).replaceAll(/[^A-Za-z0-9]/g, "-");
  const hash = createHash("sha256").update(runId).digest("hex").slice(0, 10);
  return [minute, track ?? "forward", shown, hash].join("_");
}
