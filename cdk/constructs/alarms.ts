import { Duration } from "aws-cdk-lib";
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  Metric,
  Stats,
  TreatMissingData,
} from "aws-cdk-lib/aws-cloudwatch";
import { SnsAction } from "aws-cdk-lib/aws-cloudwatch-actions";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import type { ITopic } from "aws-cdk-lib/aws-sns";
import { Construct } from "constructs";
import { DUTIES } from "../function-table.ts";
import { FUNCTION_NAMES, type FunctionName } from "../../functions/bundle.ts";
import { pascal, QUEUE_NAMES } from "../names.ts";
import { messagesIn, ownMetric, throttlesOf } from "./metrics.ts";
import type { StackParts } from "./parts.ts";

interface AlarmSpec {
  readonly id: string;
  /** What is wrong, for the person whom the alarm wakes. */
  readonly description: string;
  readonly metric: IMetric;
  /** The alarm goes off above this. Default 0. */
  readonly above?: number;
  /** For how many periods in a row. Default 1. */
  readonly periods?: number;
  /** Where silence is what is wrong. */
  readonly silent?: true;
  /** Where not to know is wrong as well. */
  readonly unknown?: "alarm";
}

/** Messages may be delayed by up to 15 minutes; what is twice as old is not being worked on. */
const OLD_MESSAGE_SECONDS = 1800;

/** Everything that a person should be told of. */
export class Alarms extends Construct {
  readonly all: readonly Alarm[];

  constructor(
    scope: Construct,
    id: string,
    parts: StackParts,
    watched: { functions: Readonly<Record<FunctionName, LambdaFunction>>; topic: ITopic },
  ) {
    super(scope, id);
    const specs = [
      ...queueAlarms(parts),
      ...FUNCTION_NAMES.flatMap((name) => functionAlarms(name, watched.functions[name])),
      ...runAlarms(this, parts),
      silentWake(parts, watched.functions.wake),
    ];
    const action = new SnsAction(watched.topic);
    this.all = specs.map((spec) => {
      const alarm = this.alarm(spec);
      alarm.addAlarmAction(action);
      alarm.addOkAction(action);
      return alarm;
    });
  }

  private alarm({ id, description, metric, above = 0, periods = 1, silent, unknown }: AlarmSpec): Alarm {
    return new Alarm(this, id, {
      alarmDescription: description,
      metric,
      evaluationPeriods: periods,
      ...(silent
        ? {
            threshold: 1,
            comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
            treatMissingData: TreatMissingData.BREACHING,
          }
        : {
            threshold: above,
            comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
            treatMissingData:
              unknown === "alarm" ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
          }),
    });
  }
}

function queueAlarms({ queues }: StackParts): AlarmSpec[] {
  const work = QUEUE_NAMES.flatMap((name): AlarmSpec[] => [
    {
      id: `${pascal(name)}DeadLetters`,
      description: `Messages of the queue ${name} were given up: see why in their runs, then redrive the dead-letter queue`,
      metric: messagesIn(queues.pairs[name].deadLetters, `Dead letters of ${name}`),
    },
    {
      id: `${pascal(name)}Old`,
      description: `The queue ${name} is not being worked off`,
      metric: queues.pairs[name].queue.metricApproximateAgeOfOldestMessage({ statistic: Stats.MAXIMUM }),
      above: OLD_MESSAGE_SECONDS,
      periods: 2,
    },
  ]);
  const undelivered = {
    id: "Undelivered",
    description: "EventBridge could not deliver a command to its queue",
    metric: messagesIn(queues.undelivered, "Undelivered"),
  };
  return [...work, undelivered];
}

function functionAlarms(name: FunctionName, lambda: LambdaFunction): AlarmSpec[] {
  const id = pascal(name);
  const common: AlarmSpec[] = [
    {
      id: `${id}Errors`,
      description: `The function ${name} fails: it crashes, runs out of time or memory, or cannot start`,
      metric: lambda.metricErrors(),
      above: 2,
    },
    {
      id: `${id}Throttles`,
      description: `The function ${name} is being throttled: the account's concurrency is used up`,
      metric: lambda.metricThrottles(),
      periods: 3,
    },
  ];
  if (DUTIES[name].takes === undefined) return common;
  return [
    ...common,
    {
      id: `${id}RecursionDropped`,
      description: `Lambda took the function ${name} for a runaway loop and dropped its messages`,
      metric: lambda.metric("RecursiveInvocationsDropped", { statistic: Stats.SUM }),
    },
  ];
}

function runAlarms(scope: Construct, { config, table, schedules }: StackParts): AlarmSpec[] {
  return [
    {
      id: "StalledRuns",
      description: "A run should have gone on more than 15 minutes ago",
      metric: ownMetric(scope, "StalledRuns", Stats.MAXIMUM),
    },
    {
      id: "LockAge",
      description: `A cluster's datastore has been locked for more than ${config.lockAgeAlarmSeconds} seconds (new pods get no network), or nothing tells how long`,
      metric: ownMetric(scope, "LockAgeSeconds", Stats.MAXIMUM).with({
        period: Duration.minutes(config.wakeEveryMinutes),
      }),
      above: config.lockAgeAlarmSeconds,
      periods: 3,
      unknown: "alarm",
    },
    {
      id: "HopBudgetSpent",
      description: "A run has handed itself on too often without a pause: it goes round in circles",
      metric: ownMetric(scope, "HopBudgetSpent", Stats.SUM),
    },
    {
      id: "TableThrottles",
      description: "DynamoDB has been turning requests away for a quarter of an hour",
      metric: throttlesOf(table),
      periods: 3,
    },
    {
      id: "SchedulesFailed",
      description: "EventBridge Scheduler could not reach its targets",
      metric: new Metric({
        namespace: "AWS/Scheduler",
        metricName: "TargetErrorCount",
        dimensionsMap: { ScheduleGroup: schedules.group.scheduleGroupName },
        statistic: Stats.SUM,
      }),
      periods: 2,
    },
  ];
}

function silentWake({ config }: StackParts, wake: LambdaFunction): AlarmSpec {
  return {
    id: "WakeSilent",
    description: "The function wake is not being called: lost messages are not sent again",
    metric: wake.metricInvocations({ period: Duration.minutes(Math.max(5, 3 * config.wakeEveryMinutes)) }),
    silent: true,
  };
}
