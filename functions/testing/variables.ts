const queue = (name: string): string => `https://sqs.eu-west-1.amazonaws.com/111122223333/${name}`;
const queueArn = (name: string): string => `arn:aws:sqs:eu-west-1:111122223333:${name}`;

/** The environment variables of all functions, as the stack sets them. */
export const VARIABLES: Readonly<Record<string, string>> = {
  TABLE_NAME: "table",
  HISTORY_DAYS: "90",
  LEASE_TTL_MS: "30000",
  ARTIFACT_BUCKET: "bucket",
  EVENT_BUS_NAME: "bus",
  COMMANDS_QUEUE_URL: queue("commands"),
  RUNS_QUEUE_URL: queue("runs"),
  BATCHES_QUEUE_URL: queue("batches"),
  ROLLBACKS_QUEUE_URL: queue("rollbacks"),
  RUNS_QUEUE_ARN: queueArn("runs"),
  ROLLBACKS_QUEUE_ARN: queueArn("rollbacks"),
  COMMANDS_DEAD_LETTER_QUEUE_URL: queue("commands-dead"),
  RUNS_DEAD_LETTER_QUEUE_URL: queue("runs-dead"),
  BATCHES_DEAD_LETTER_QUEUE_URL: queue("batches-dead"),
  ROLLBACKS_DEAD_LETTER_QUEUE_URL: queue("rollbacks-dead"),
  SCHEDULE_GROUP_NAME: "group",
  SCHEDULE_ROLE_ARN: "arn:aws:iam::111122223333:role/schedule",
  CLUSTER_SECRET_PREFIX: "calico-migrator/clusters/",
  HOP_BUDGET: "10000",
  MESSAGE_VISIBILITY_MS: "30000",
  CLUSTER_CONCURRENCY: "16",
  ROLLBACK_WITHIN_MINUTES: "120",
};
