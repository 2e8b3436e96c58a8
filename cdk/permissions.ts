import { ArnFormat, Stack } from "aws-cdk-lib";
import { PolicyStatement, type PolicyStatementProps } from "aws-cdk-lib/aws-iam";
import type { ScheduleGroup } from "aws-cdk-lib/aws-scheduler";
import { STAGING_PREFIX } from "./constructs/artifacts.ts";
import type { StackParts } from "./constructs/parts.ts";
import { WAKE_INDEX } from "./constructs/table.ts";
import type { FunctionDuties } from "./function-table.ts";
import { EVENT_SOURCE } from "../events/cloud-event.ts";
import { COMMANDS, QUEUE_NAMES } from "./names.ts";

/** What a function may do: nothing but what its duties need. Lambda's own needs (logs, traces, network) come on top. */
export function permissionsOf(duties: FunctionDuties, parts: StackParts): PolicyStatement[] {
  return [
    ...tableStatements(duties, parts),
    ...queueStatements(duties, parts),
    ...(duties.clusters ? [...artifactStatements(parts), ...clusterStatements(parts)] : []),
    ...(duties.announces ? [announceStatement(parts)] : []),
    ...(duties.schedules ? scheduleStatements(parts) : []),
    keyStatement(parts, servicesOf(duties), KEY_USE),
  ];
}

/** State changes go out under one source, and no function gives commands. */
function announceStatement({ bus }: StackParts): PolicyStatement {
  return allow("Announce", ["events:PutEvents"], [bus.eventBusArn], {
    StringEquals: { "events:source": EVENT_SOURCE },
    StringNotEquals: { "events:detail-type": COMMANDS },
  });
}

/** The ARNs of the secrets of clusters. Secrets Manager adds characters of its own to a name. */
export function clusterSecretArns({ key, secretPrefix }: Pick<StackParts, "key" | "secretPrefix">): string {
  return Stack.of(key).formatArn({
    service: "secretsmanager",
    resource: "secret",
    resourceName: `${secretPrefix}*`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
}

/** The customer-managed key, for what these services hold and for nothing else. */
export function keyStatement(
  { key }: Pick<StackParts, "key">,
  services: readonly string[],
  actions: readonly string[],
): PolicyStatement {
  const { region } = Stack.of(key);
  return allow("Key", actions, [key.keyArn], {
    StringEquals: { "kms:ViaService": services.map((service) => `${service}.${region}.amazonaws.com`) },
  });
}

/** A statement that allows. */
export function allow(
  sid: string,
  actions: readonly string[],
  resources: readonly string[],
  conditions?: PolicyStatementProps["conditions"],
): PolicyStatement {
  return new PolicyStatement({
    sid,
    actions: [...actions],
    resources: [...resources],
    ...(conditions && { conditions }),
  });
}

/** What DynamoDB asks of the callers of an encrypted table, and SQS and S3 of those who write. */
const KEY_USE = [
  "kms:Decrypt",
  "kms:DescribeKey",
  "kms:Encrypt",
  "kms:GenerateDataKey",
  "kms:ReEncryptFrom",
  "kms:ReEncryptTo",
];

/** Reading the table. */
export const TABLE_READS = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"];

const TABLE_WRITES = [
  "dynamodb:ConditionCheckItem",
  "dynamodb:DeleteItem",
  "dynamodb:PutItem",
  "dynamodb:UpdateItem",
];

function tableStatements({ table: use }: FunctionDuties, { table }: StackParts): PolicyStatement[] {
  const reads = allow("Read", TABLE_READS, [table.tableArn]);
  if (use === "all") return [allow("Table", [...TABLE_READS, ...TABLE_WRITES], [table.tableArn])];
  if (use === "runs") {
    const writes = ["dynamodb:ConditionCheckItem", "dynamodb:PutItem", "dynamodb:UpdateItem"];
    return [reads, allow("Write", writes, [table.tableArn])];
  }
  return [
    reads,
    allow("Due", ["dynamodb:Query"], [`${table.tableArn}/index/${WAKE_INDEX}`]),
    allow("Leases", ["dynamodb:UpdateItem"], [table.tableArn], {
      "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["LEASE#*"] },
    }),
    // The registry of clusters, CLUSTERS, is none of them.
    allow("RemoveOld", ["dynamodb:BatchWriteItem", "dynamodb:DeleteItem"], [table.tableArn], {
      "ForAllValues:StringLike": {
        "dynamodb:LeadingKeys": ["RUN#*", "RUNS", "CLUSTER#*", "LEASE#*", "REMOVALS"],
      },
    }),
    allow("NoteRemovals", ["dynamodb:PutItem"], [table.tableArn], {
      "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": ["REMOVALS"] },
    }),
  ];
}

function queueStatements(
  { takes, sends, deadLetters }: FunctionDuties,
  { queues }: StackParts,
): PolicyStatement[] {
  const statements: PolicyStatement[] = [];
  if (takes !== undefined) {
    const actions = [
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:GetQueueAttributes",
      "sqs:ReceiveMessage",
    ];
    const arns = takes.map((name) => queues.pairs[name].queue.queueArn);
    statements.push(allow("Take", actions, arns));
  }
  if (sends.length > 0) {
    const arns = sends.map((name) => queues.pairs[name].queue.queueArn);
    statements.push(allow("Send", ["sqs:SendMessage"], arns));
  }
  if (deadLetters) {
    const arns = QUEUE_NAMES.map((name) => queues.pairs[name].deadLetters.queueArn);
    // Not DeleteMessage: what is there waits for a person to redrive it.
    statements.push(allow("LookThrough", ["sqs:ChangeMessageVisibility", "sqs:ReceiveMessage"], arns));
  }
  return statements;
}

function artifactStatements({ bucket }: StackParts): PolicyStatement[] {
  return [
    allow("ListArtifacts", ["s3:ListBucket"], [bucket.bucketArn]),
    allow(
      "Artifacts",
      // Reads name the version, so that an artifact that is replaced meanwhile is not read half and half.
      ["s3:AbortMultipartUpload", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"],
      [bucket.arnForObjects("*")],
    ),
    allow(
      "Staging",
      ["s3:DeleteObject", "s3:DeleteObjectVersion"],
      [bucket.arnForObjects(`${STAGING_PREFIX}*`)],
    ),
  ];
}

function clusterStatements(parts: StackParts): PolicyStatement[] {
  const roles = parts.config.clusterRoleArns ?? [];
  return [
    allow("ClusterSecrets", ["secretsmanager:GetSecretValue"], [clusterSecretArns(parts)]),
    ...(roles.length > 0 ? [allow("ClusterRoles", ["sts:AssumeRole"], roles)] : []),
  ];
}

/** The ARNs of the schedules of a group. */
export function scheduleArns(group: ScheduleGroup): string {
  return Stack.of(group).formatArn({
    service: "scheduler",
    resource: "schedule",
    resourceName: `${group.scheduleGroupName}/*`,
  });
}

function scheduleStatements({ schedules: { group, role } }: StackParts): PolicyStatement[] {
  return [
    allow("Schedule", ["scheduler:CreateSchedule"], [scheduleArns(group)]),
    allow("ScheduleRole", ["iam:PassRole"], [role.roleArn], {
      StringEquals: { "iam:PassedToService": "scheduler.amazonaws.com" },
    }),
  ];
}

function servicesOf({ clusters }: FunctionDuties): string[] {
  return clusters ? ["dynamodb", "s3", "secretsmanager", "sqs"] : ["dynamodb", "sqs"];
}
