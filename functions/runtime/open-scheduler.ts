import { SchedulerClient } from "@aws-sdk/client-scheduler";
import { REQUEST_TIME_OUTS } from "../../shared/adapters/aws/calls/time-outs.ts";
import { SchedulerLaterSender } from "../../shared/adapters/aws/scheduler/later-sender.ts";
import type { LaterSender } from "../../shared/adapters/aws/sqs/later-sender.ts";
import type { RollbackEnvironment } from "./environment.ts";

/** Sends later by one-off schedules. */
export function openScheduler(environment: RollbackEnvironment): LaterSender {
  return new SchedulerLaterSender({
    scheduler: new SchedulerClient({ requestHandler: REQUEST_TIME_OUTS }),
    groupName: environment.SCHEDULE_GROUP_NAME,
    roleArn: environment.SCHEDULE_ROLE_ARN,
    queueArns: { runs: environment.RUNS_QUEUE_ARN, rollbacks: environment.ROLLBACKS_QUEUE_ARN },
  });
}
