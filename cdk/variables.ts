import type { StackParts } from "./constructs/parts.ts";
import type { FunctionDuties } from "./function-table.ts";
import { QUEUE_NAMES, type QueueName, WORK_QUEUES } from "./names.ts";

/** The namespace of the functions' own metrics. */
export const METRICS_NAMESPACE = "CalicoMigrator";

/** A function's environment variables: those that its duties need. `service` tells stacks in one account apart. */
export function variablesOf(
  duties: FunctionDuties,
  parts: StackParts,
  service: string,
): Record<string, string> {
  const { config, table } = parts;
  return {
    TABLE_NAME: table.tableName,
    HISTORY_DAYS: String(config.historyDays),
    LEASE_TTL_MS: String(config.leaseTtlSeconds * 1000),
    POWERTOOLS_SERVICE_NAME: service,
    POWERTOOLS_METRICS_NAMESPACE: METRICS_NAMESPACE,
    POWERTOOLS_LOG_LEVEL: config.logLevel,
    ...(duties.sends.length > 0 && queueUrls(parts, WORK_QUEUES)),
    ...(duties.takes?.includes("commands") && queueUrls(parts, ["commands"])),
    ...(duties.deadLetters && deadLetterUrls(parts)),
    ...(duties.clusters && clusterVariables(parts)),
    ...(duties.announces && { EVENT_BUS_NAME: parts.bus.eventBusName }),
    ...(duties.schedules && scheduleVariables(parts)),
    ...(duties.undoesClusters && { ROLLBACK_WITHIN_MINUTES: String(config.rollbackWithinMinutes) }),
  };
}

function queueUrls({ queues }: StackParts, names: readonly QueueName[]): Record<string, string> {
  return Object.fromEntries(
    names.map((name) => [`${name.toUpperCase()}_QUEUE_URL`, queues.pairs[name].queue.queueUrl]),
  );
}

function deadLetterUrls({ queues }: StackParts): Record<string, string> {
  return Object.fromEntries(
    QUEUE_NAMES.map((name) => [
      `${name.toUpperCase()}_DEAD_LETTER_QUEUE_URL`,
      queues.pairs[name].deadLetters.queueUrl,
    ]),
  );
}

function clusterVariables({ config, bucket, secretPrefix }: StackParts): Record<string, string> {
  return {
    ARTIFACT_BUCKET: bucket.bucketName,
    CLUSTER_SECRET_PREFIX: secretPrefix,
    CLUSTER_CONCURRENCY: String(config.clusterConcurrency),
    HOP_BUDGET: String(config.hopBudget),
    MESSAGE_VISIBILITY_MS: String(config.messageVisibilitySeconds * 1000),
    ...(config.allowedServers && { ALLOWED_SERVERS: config.allowedServers.join(",") }),
    ...(config.allowLoopbackServers && { ALLOW_LOOPBACK_SERVERS: "true" }),
  };
}

function scheduleVariables({ queues, schedules }: StackParts): Record<string, string> {
  return {
    RUNS_QUEUE_ARN: queues.pairs.runs.queue.queueArn,
    ROLLBACKS_QUEUE_ARN: queues.pairs.rollbacks.queue.queueArn,
    SCHEDULE_GROUP_NAME: schedules.group.scheduleGroupName,
    SCHEDULE_ROLE_ARN: schedules.role.roleArn,
  };
}
