import type { Function as LambdaFunction } from "aws-cdk-lib/aws-lambda";
import type { StackParts } from "./constructs/parts.ts";
import type { People } from "./constructs/people.ts";
import type { Watch } from "./constructs/watch.ts";
import { DUTIES } from "./function-table.ts";
import { FUNCTION_NAMES, type FunctionName } from "../functions/bundle.ts";
import { pascal, QUEUE_NAMES } from "./names.ts";

/** What the command line, the tests and people find the parts of a deployed stack by. */
export function outputsOf(
  parts: StackParts,
  made: { functions: Readonly<Record<FunctionName, LambdaFunction>>; people: People; watch: Watch },
): Record<string, string> {
  const { table, bucket, bus, key, queues, secretPrefix } = parts;
  const { functions, people, watch } = made;
  return {
    TableName: table.tableName,
    ArtifactBucketName: bucket.bucketName,
    EventBusName: bus.eventBusName,
    ClusterSecretPrefix: secretPrefix,
    ClusterSecretKeyArn: key.keyArn,
    ...Object.fromEntries(
      QUEUE_NAMES.flatMap((name) => [
        [`${pascal(name)}QueueUrl`, queues.pairs[name].queue.queueUrl],
        [`${pascal(name)}DeadLetterQueueUrl`, queues.pairs[name].deadLetters.queueUrl],
      ]),
    ),
    ...Object.fromEntries(
      FUNCTION_NAMES.map((name) => [`${pascal(name)}FunctionName`, functions[name].functionName]),
    ),
    ...Object.fromEntries(
      FUNCTION_NAMES.filter((name) => DUTIES[name].clusters).map((name) => [
        `${pascal(name)}RoleArn`,
        functions[name].role?.roleArn ?? "",
      ]),
    ),
    AlarmTopicArn: watch.topic.topicArn,
    DashboardName: watch.dashboard.dashboardName,
    ViewerPolicyArn: people.viewer.managedPolicyArn,
    OperatorPolicyArn: people.operator.managedPolicyArn,
    ClusterAdminPolicyArn: people.clusterAdmin.managedPolicyArn,
    BackupImporterPolicyArn: people.backupImporter.managedPolicyArn,
  };
}
