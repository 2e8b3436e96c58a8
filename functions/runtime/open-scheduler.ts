import { SchedulerClient } from "@aws-sdk/client-scheduler";
import { SchedulerLaterSender } from "../../shared/adapters/aws/scheduler/later-sender.ts";
import type { LaterSender } from "../../shared/adapters/aws/sqs/later-sender.ts";
import { REQUEST_HANDLER } from "./clients.ts";
import type { RunEnvironment } from "./environment.ts";

/** Sends later by one-off schedules. */
export function openScheduler(environment: RunEnvironment): LaterSender {
  return new SchedulerLaterSender({
    scheduler: new SchedulerClient({ requestHandler: REQUEST_HANDLER }),
    groupName: environment.SCHEDULE_GROUP_NAME,
    roleArn: environment.SCHEDULE_ROLE_ARN,
    queueArns: { runs: environment.RUNS_QUEUE_ARN, rollbacks: environment.ROLLBACKS_QUEUE_ARN },
  });
}
