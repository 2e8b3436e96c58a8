import { Stack } from "aws-cdk-lib";
import {
  EventBus,
  type EventPattern,
  EventField,
  type IRuleTarget,
  Rule,
  RuleTargetInput,
} from "aws-cdk-lib/aws-events";
import { addToDeadLetterQueueResourcePolicy } from "aws-cdk-lib/aws-events-targets";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { IQueue } from "aws-cdk-lib/aws-sqs";
import { Construct } from "constructs";
import { COMMANDS } from "../names.ts";
import { allow } from "../permissions.ts";
import type { StackConfig } from "../props.ts";
import type { WorkQueues } from "./queues.ts";

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
    const commands = new Rule(this, "Commands", {
      description: "Commands for the queue commands",
      eventBus: this.bus,
      eventPattern: { detailType: [...COMMANDS] },
    });
    commands.addTarget(commandTarget(pairs.commands.queue, undelivered));
    for (const [index, alarm] of config.rollbackAlarms.entries()) {
      const rule = new Rule(this, `RollbackAlarm${index + 1}`, {
        description: `Rolls back the run of cluster ${alarm.cluster} when its alarm goes off`,
        eventPattern: alarmPattern(alarm.alarmArn),
      });
      const message = RuleTargetInput.fromObject(rollbackEvent(alarm));
      rule.addTarget(commandTarget(pairs.commands.queue, undelivered, message));
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

/** A queue that only this rule is let into; CDK's own target lets in every rule of the account where the queue is encrypted. */
function commandTarget(queue: IQueue, undelivered: IQueue, input?: RuleTargetInput): IRuleTarget {
  return {
    bind: (rule) => {
      const { ruleArn } = rule.ruleRef;
      const statement = allow("", ["sqs:SendMessage"], [queue.queueArn], {
        ArnEquals: { "aws:SourceArn": ruleArn },
      });
      statement.addServicePrincipal("events.amazonaws.com");
      queue.addToResourcePolicy(statement);
      addToDeadLetterQueueResourcePolicy(rule, undelivered);
      return {
        deadLetterConfig: { arn: undelivered.queueArn },
        arn: queue.queueArn,
        ...(input && { input }),
      };
    },
  };
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
