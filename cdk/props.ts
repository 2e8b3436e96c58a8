import { RetentionDays } from "aws-cdk-lib/aws-logs";
import { z } from "zod";
import { MigratorError } from "../shared/errors.ts";

/** The retention times that CloudWatch Logs knows. Days. */
const LOG_RETENTION_DAYS = Object.values(RetentionDays).filter((days) => typeof days === "number");

/** The longest visibility timeout that SQS knows is 12 hours, and a queue's must be six times its function's timeout. */
const VISIBILITY_FACTOR = 6;

const arn = (service: string, example: string) =>
  z.string().regex(new RegExp(`^arn:aws[a-z-]*:${service}:`), `must be an ARN such as ${example}`);

const id = (prefix: string) =>
  z
    .string()
    .regex(new RegExp(`^${prefix}-[0-9a-f]{8,17}$`), `must be an id such as ${prefix}-0123456789abcdef0`);

/** Lists may be given as text with commas, as `-c allowedServers=a,b` does. */
const list = <T extends z.ZodType>(item: T, most: number) =>
  z.preprocess(
    (value) => (typeof value === "string" ? value.split(",").map((part) => part.trim()) : value),
    z.array(item).min(1, "must name at least one").max(most),
  );

const whole = (least: number, most: number) =>
  z.number(`must be a whole number from ${least} to ${most}`).int().min(least).max(most);

/** SQS's event source mapping takes no less than 2; what must run alone is held apart by its lease. */
const concurrency = (standard: number) => whole(2, 1000).default(standard);

const RollbackAlarm = z.strictObject({
  alarmArn: arn("cloudwatch", "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:PodsUnreachable").max(256),
  cluster: z.string().min(1).max(253),
});

const Shape = z.strictObject({
  stackName: z
    .string()
    .regex(
      /^[A-Za-z][A-Za-z0-9-]{0,39}$/,
      "must start with a letter and hold at most 40 letters, digits and dashes",
    )
    .default("CalicoMigrator"),

  vpcId: id("vpc").optional(),
  subnetIds: list(id("subnet"), 16).optional(),
  securityGroupIds: list(id("sg"), 5).optional(),

  kmsKeyArn: arn(
    "kms",
    "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
  ).optional(),
  removalPolicy: z.enum(["retain", "destroy"]).default("retain"),
  deletionProtection: z.boolean().default(true),
  historyDays: whole(1, 3650).default(90),
  artifactRetentionDays: whole(1, 3650).optional(),
  logRetentionDays: z
    .enum(RetentionDays, `must be one of ${LOG_RETENTION_DAYS.join(", ")}`)
    .default(RetentionDays.THREE_MONTHS),
  logLevel: z.enum(["DEBUG", "INFO", "WARN", "ERROR"]).default("INFO"),

  alarmTopicArn: arn("sns", "arn:aws:sns:eu-central-1:111122223333:operations").optional(),
  alarmEmail: z.email("must be an e-mail address").optional(),
  lockAgeAlarmSeconds: whole(60, 86_400).default(900),
  rollbackWithinMinutes: whole(1, 43_200).default(120),
  rollbackAlarms: z.array(RollbackAlarm).max(100).default([]),

  commandConcurrency: concurrency(5),
  runConcurrency: concurrency(10),
  batchConcurrency: concurrency(10),
  rollbackConcurrency: concurrency(10),
  reserveConcurrency: z.boolean().default(true),
  clusterConcurrency: whole(1, 256).default(16),

  functionTimeoutSeconds: whole(30, 900).default(120),
  memoryMb: whole(256, 10_240).default(1024),
  leaseTtlSeconds: whole(10, 900).default(30),
  messageVisibilitySeconds: whole(10, 900).default(60),
  maxReceiveCount: whole(5, 1000).default(5),
  commandReceiveCount: whole(5, 1000).default(75),
  hopBudget: whole(100, 1_000_000).default(10_000),
  wakeEveryMinutes: whole(1, 60).default(1),

  allowedServers: list(z.string().min(1).max(253), 100).optional(),
  allowLoopbackServers: z.boolean().default(false),
  clusterRoleArns: list(arn("iam:", "arn:aws:iam::111122223333:role/calico-migrator"), 50).optional(),
});

type Values = z.output<typeof Shape>;

/** The settings of a stack, complete and checked. */
export type StackConfig = Readonly<Values>;

/** The settings as a person gives them: what is left out takes its default. */
export type StackSettings = z.input<typeof Shape>;

/** The names of all settings. */
export const SETTING_NAMES: readonly string[] = Object.keys(Shape.shape);

const RULES: readonly { field: keyof Values; must: string; holds: (config: Values) => boolean }[] = [
  {
    field: "subnetIds",
    must: "be given together with securityGroupIds or vpcId, for functions in a VPC",
    holds: ({ subnetIds, securityGroupIds, vpcId }) =>
      (subnetIds === undefined) === (securityGroupIds === undefined && vpcId === undefined),
  },
  {
    field: "alarmEmail",
    must: "be left out where alarmTopicArn is given: subscribe to that topic instead",
    holds: ({ alarmEmail, alarmTopicArn }) => alarmEmail === undefined || alarmTopicArn === undefined,
  },
  {
    field: "messageVisibilitySeconds",
    must: `be at most ${VISIBILITY_FACTOR} times functionTimeoutSeconds, which is how long a queue hides a message`,
    holds: (config) => config.messageVisibilitySeconds <= queueVisibilitySeconds(config),
  },
  {
    field: "deletionProtection",
    must: 'be false where removalPolicy is "destroy"',
    holds: ({ deletionProtection, removalPolicy }) => !(deletionProtection && removalPolicy === "destroy"),
  },
];

/** How long a queue hides a message that its function has taken: six times the function's timeout, as AWS advises. Seconds. */
export function queueVisibilitySeconds(config: Pick<StackConfig, "functionTimeoutSeconds">): number {
  return VISIBILITY_FACTOR * config.functionTimeoutSeconds;
}

/**
 * The settings with their defaults. Throws MigratorError CONFIG_INVALID, which names each wrong field, its value and
 * what would be right.
 */
export function parseStackConfig(settings: unknown): StackConfig {
  const parsed = Shape.safeParse(settings);
  if (!parsed.success) throw invalid(parsed.error.issues.map((issue) => problemOf(issue, settings)));
  const broken = RULES.filter((rule) => !rule.holds(parsed.data));
  if (broken.length > 0) {
    throw invalid(broken.map(({ field, must }) => `${field} ${given(parsed.data[field])} must ${must}`));
  }
  return parsed.data;
}

function problemOf(issue: z.core.$ZodIssue, settings: unknown): string {
  if (issue.code === "unrecognized_keys") {
    return `${[...issue.path, ...issue.keys].join(".")} is no setting; there are ${SETTING_NAMES.join(", ")}`;
  }
  return `${fieldOf(issue.path)} ${given(valueAt(settings, issue.path))}: ${issue.message}`;
}

function fieldOf(path: readonly PropertyKey[]): string {
  return path.length === 0 ? "the configuration" : path.map(String).join(".");
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (at, key) => (typeof at === "object" && at !== null ? Reflect.get(at, key) : at),
    value,
  );
}

function given(value: unknown): string {
  return value === undefined ? "(not given)" : `(${JSON.stringify(value)})`;
}

/** The error of a configuration that cannot be used. */
export function invalid(problems: readonly string[]): MigratorError {
  return new MigratorError(
    "CONFIG_INVALID",
    `the configuration of the stack is not valid: ${problems.join("; ")}`,
    {
      next: "Correct the named fields in the file of `-c config=FILE`, or the `-c NAME=VALUE` of the command line.",
      details: { problems },
    },
  );
}
