import {
  type Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IMetric,
  Stats,
} from "aws-cdk-lib/aws-cloudwatch";
import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import { FUNCTION_NAMES, type FunctionName } from "../../functions/bundle.ts";
import { QUEUE_NAMES } from "../names.ts";
import { messagesIn, ownMetric, throttlesOf } from "./metrics.ts";
import type { StackParts } from "./parts.ts";

/** The whole on one page: what rings, what runs did, what waits, how the functions and the table fare. */
export function createDashboard(
  scope: Construct,
  { queues, table }: StackParts,
  watched: { functions: Readonly<Record<FunctionName, LambdaFunction>>; alarms: readonly Alarm[] },
): Dashboard {
  const own = (names: readonly string[], statistic: string) =>
    names.map((name) => ownMetric(scope, name, statistic));
  const ofQueues = (metric: (name: (typeof QUEUE_NAMES)[number]) => IMetric) => QUEUE_NAMES.map(metric);
  const ofFunctions = (metric: (lambda: LambdaFunction, label: string) => IMetric) =>
    FUNCTION_NAMES.map((name) => metric(watched.functions[name], name));
  const row = (...graphs: [title: string, left: IMetric[]][]) =>
    graphs.map(([title, left]) => new GraphWidget({ title, left, width: 24 / graphs.length }));
  return new Dashboard(scope, "Dashboard", {
    widgets: [
      [new AlarmStatusWidget({ title: "Alarms", alarms: [...watched.alarms], width: 24, height: 5 })],
      row(
        [
          "Runs",
          own(["RunsStarted", "RunsSucceeded", "RunsFailed", "RunsRolledBack", "RunsAborted"], Stats.SUM),
        ],
        ["Work", own(["MessagesHandled", "MessagesFailed", "BatchesDone", "CommandsRefused"], Stats.SUM)],
        ["Trouble", own(["StalledRuns", "LockAgeSeconds", "HopBudgetSpent", "DeadLetters"], Stats.MAXIMUM)],
      ),
      row(
        ["Messages", ofQueues((name) => messagesIn(queues.pairs[name].queue, name))],
        [
          "Oldest message (s)",
          ofQueues((label) => queues.pairs[label].queue.metricApproximateAgeOfOldestMessage({ label })),
        ],
        ["Dead letters", ofQueues((name) => messagesIn(queues.pairs[name].deadLetters, name))],
      ),
      row(
        ["Calls", ofFunctions((lambda, label) => lambda.metricInvocations({ label }))],
        ["Errors", ofFunctions((lambda, label) => lambda.metricErrors({ label }))],
        [
          "Duration (p95)",
          ofFunctions((lambda, label) => lambda.metricDuration({ label, statistic: "p95" })),
        ],
      ),
      row(
        [
          "Table: consumed",
          [table.metricConsumedReadCapacityUnits(), table.metricConsumedWriteCapacityUnits()],
        ],
        ["Table: turned away", [throttlesOf(table)]],
      ),
    ],
  });
}
