import { RemovalPolicy, Stack } from "aws-cdk-lib";
import { Role, ServicePrincipal } from "aws-cdk-lib/aws-iam";
import type { IKey } from "aws-cdk-lib/aws-kms";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import { CfnSchedule, ScheduleGroup } from "aws-cdk-lib/aws-scheduler";
import { Construct } from "constructs";
import { allow, keyStatement } from "../permissions.ts";
import type { WorkQueues } from "./queues.ts";

/** The group of the stack's schedules, and the role by which one-off schedules send messages to runs. */
export class Schedules extends Construct {
  readonly group: ScheduleGroup;
  readonly role: Role;

  constructor(scope: Construct, id: string, parts: { key: IKey; queues: WorkQueues }) {
    super(scope, id);
    this.group = new ScheduleGroup(this, "Group", {
      scheduleGroupName: Stack.of(this).stackName,
      // Schedules only remind of what the table knows.
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.role = this.roleOfScheduler("MessageRole", "sends messages to runs when their time has come");
    const { runs, rollbacks } = parts.queues.pairs;
    const queues = [runs.queue.queueArn, rollbacks.queue.queueArn];
    this.role.addToPolicy(allow("Send", ["sqs:SendMessage"], queues));
    this.role.addToPolicy(keyStatement(parts, ["sqs"], ["kms:Decrypt", "kms:GenerateDataKey"]));
  }

  /** Calls functions again and again. */
  callEvery(minutes: number, functions: Readonly<Record<string, LambdaFunction>>): void {
    const role = this.roleOfScheduler("CallRole", "calls functions every minute");
    const arns = Object.values(functions).map(({ functionArn }) => functionArn);
    role.addToPolicy(allow("Call", ["lambda:InvokeFunction"], arns));
    for (const [name, { functionArn }] of Object.entries(functions)) {
      const schedule = new CfnSchedule(this, name, {
        groupName: this.group.scheduleGroupName,
        description: `Calls the function ${name}`,
        scheduleExpression: `rate(${minutes} minute${minutes === 1 ? "" : "s"})`,
        flexibleTimeWindow: { mode: "OFF" },
        target: { arn: functionArn, roleArn: role.roleArn, retryPolicy: { maximumRetryAttempts: 0 } },
      });
      schedule.node.addDependency(role);
    }
  }

  /** Only schedules of this group may use the role. */
  private roleOfScheduler(id: string, what: string): Role {
    const stack = Stack.of(this);
    return new Role(this, id, {
      description: `${stack.stackName}: ${what}`,
      assumedBy: new ServicePrincipal("scheduler.amazonaws.com", {
        conditions: {
          StringEquals: { "aws:SourceAccount": stack.account, "aws:SourceArn": this.group.scheduleGroupArn },
        },
      }),
    });
  }
}
