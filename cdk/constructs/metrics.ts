import { Duration, Stack } from "aws-cdk-lib";
import { type IMetric, MathExpression, Metric, Stats } from "aws-cdk-lib/aws-cloudwatch";
import type { Table } from "aws-cdk-lib/aws-dynamodb";
import type { Queue } from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import { WAKE_INDEX } from "./table.ts";
import { METRICS_NAMESPACE } from "../variables.ts";

/** What the functions count and measure themselves. */
export function ownMetric(scope: Construct, name: string, statistic: string): Metric {
  const dimensionsMap = { service: Stack.of(scope).stackName };
  return new Metric({ namespace: METRICS_NAMESPACE, metricName: name, dimensionsMap, statistic });
}

/** All messages of a queue: those that someone looks at are hidden for a while and still there. */
export function messagesIn(queue: Queue, label: string): IMetric {
  const options = { statistic: Stats.MAXIMUM, period: Duration.minutes(1) };
  // In one graph, ids of metrics must differ from queue to queue.
  const [visible, hidden] = [`visible${queue.node.id}`, `hidden${queue.node.id}`];
  return new MathExpression({
    label,
    expression: `${visible} + ${hidden}`,
    period: Duration.minutes(1),
    usingMetrics: {
      [visible]: queue.metricApproximateNumberOfMessagesVisible(options),
      [hidden]: queue.metricApproximateNumberOfMessagesNotVisible(options),
    },
  });
}

/** Requests that DynamoDB turned away, at the table and at its index. */
export function throttlesOf(table: Table): IMetric {
  const metric = (metricName: string, index?: string) =>
    new Metric({
      namespace: "AWS/DynamoDB",
      metricName,
      dimensionsMap: {
        TableName: table.tableName,
        ...(index !== undefined && { GlobalSecondaryIndexName: index }),
      },
      statistic: Stats.SUM,
    });
  // An index is throttled by itself, and counts under its own name: writes to it push back on the table's.
  const usingMetrics = {
    reads: metric("ReadThrottleEvents"),
    writes: metric("WriteThrottleEvents"),
    indexReads: metric("ReadThrottleEvents", WAKE_INDEX),
    indexWrites: metric("WriteThrottleEvents", WAKE_INDEX),
  };
  const expression = Object.keys(usingMetrics).map((id) => `FILL(${id}, 0)`);
  return new MathExpression({
    label: "Throttled reads and writes",
    expression: expression.join(" + "),
    usingMetrics,
  });
}
