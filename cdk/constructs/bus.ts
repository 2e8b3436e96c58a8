import { Stack } from "aws-cdk-lib";
import { EventBus, type EventPattern, EventField, Rule, RuleTargetInput } from "aws-cdk-lib/aws-events";
import { SqsQueue } from "aws-cdk-lib/aws-events-targets";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { pascal, type QueueName } from "../names.ts";
import { allow } from "../permissions.ts";
import type { StackConfig } from "../props.ts";
import type { WorkQueues } from "./queues.ts";

/** The commands that the bus takes, and the queue that each goes to: rollbacks never wait behind forward work. */
export const COMMAND_QUEUES: Readonly<Record<string, QueueName>> = {
  StartRun: "runs",
  PauseRun: "runs",
  ResumeRun: "runs",
  ApproveRun: "runs",
  ResolveConflicts: "runs",
  RollbackRequested: "rollbacks",
  AbortRequested: "rollbacks",
};

/** Where every state change goes out and commands come in. */
export class Bus extends Construct {
  readonly bus: EventBus;

  constructor(scope: Construct, id: string, config: StackConfig, parts: { key: IKey; queues: WorkQueues }) {
    super(scope, id);
    this.bus = new EventBus(this, "Bus", {
      eventBusName: Stack.of(this).stackName,
      description: `${Stack.of(this).stackName}: commands in, state changes out`,
      kmsKey: parts.key,
      deadLetterQueue: parts.queues.undelivered,
    });
    const { pairs, undelivered } = parts.queues;
    this.mayReject(undelivered);
    for (const name of ["runs", "rollbacks"] as const) {
      const rule = new Rule(this, `CommandsFor${pascal(name)}`, {
        description: `Commands for the queue ${name}`,
        eventBus: this.bus,
        eventPattern: { detailType: commandsFor(name) },
      });
      rule.addTarget(new SqsQueue(pairs[name].queue, { deadLetterQueue: undelivered }));
    }
    for (const [index, alarm] of config.rollbackAlarms.entries()) {
      const rule = new Rule(this, `RollbackAlarm${index + 1}`, {
        description: `Rolls back the run of cluster ${alarm.cluster} when its alarm goes off`,
        eventPattern: alarmPattern(alarm.alarmArn),
      });
      const message = RuleTargetInput.fromObject(rollbackEvent(alarm));
      rule.addTarget(new SqsQueue(pairs.rollbacks.queue, { message, deadLetterQueue: undelivered }));
    }
  }

  /** EventBridge itself puts what it cannot decrypt there. */
  private mayReject(undelivered: IQueue): void {
    const statement = allow("RejectedByTheBus", ["sqs:SendMessage"], [undelivered.queueArn], {
      ArnEquals: { "aws:SourceArn": this.bus.eventBusArn },
    });
    statement.addServicePrincipal("events.amazonaws.com");
    undelivered.addToResourcePolicy(statement);
  }
}

function commandsFor(name: QueueName): string[] {
  return Object.keys(COMMAND_QUEUES).filter((command) => COMMAND_QUEUES[command] === name);
}

function alarmPattern(alarmArn: string): EventPattern {
  return {
    source: ["aws.cloudwatch"],
    detailType: ["CloudWatch Alarm State Change"],
    resources: [alarmArn],
    detail: { state: { value: ["ALARM"] } },
  };
}

/** The event as the bus would deliver the command RollbackRequested. */
function rollbackEvent({ alarmArn, cluster }: StackConfig["rollbackAlarms"][number]): object {
  return {
    version: "0",
    id: EventField.eventId,
    "detail-type": "RollbackRequested",
    source: "calico-migrator",
    account: EventField.account,
    time: EventField.time,
    region: EventField.region,
    resources: [alarmArn],
    detail: {
      specversion: "1.0",
      id: EventField.eventId,
      source: alarmArn,
      type: "calico-migrator.RollbackRequested.v1",
      time: EventField.time,
      datacontenttype: "application/json",
      data: { cluster, by: alarmArn, reason: EventField.fromPath("$.detail.state.reason") },
    },
  };
}
