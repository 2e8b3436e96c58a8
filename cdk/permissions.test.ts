import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { policiesOf } from "./testing/policies.ts";
import { EVERYTHING, synthesized } from "./testing/synthesized.ts";

const TABLE =
  "dynamodb:BatchGetItem, dynamodb:ConditionCheckItem, dynamodb:DeleteItem, dynamodb:GetItem, dynamodb:PutItem, dynamodb:Query, dynamodb:UpdateItem on CheckpointsTable";
const READ = "dynamodb:BatchGetItem, dynamodb:GetItem, dynamodb:Query on CheckpointsTable";
const take = (queue: string) =>
  `sqs:ChangeMessageVisibility, sqs:DeleteMessage, sqs:GetQueueAttributes, sqs:ReceiveMessage on ${queue}`;
const send = (...queues: string[]) => `sqs:SendMessage on ${queues.join(", ")}`;
const ARTIFACTS = [
  "s3:ListBucket on ArtifactsBucket",
  "s3:AbortMultipartUpload, s3:GetObject, s3:GetObjectVersion, s3:PutObject on ArtifactsBucket/*",
  "s3:DeleteObject, s3:DeleteObjectVersion on ArtifactsBucket/staging/*",
];
const SECRETS = "secretsmanager:GetSecretValue on arn:secretsmanager::secret:CalicoMigrator/clusters/*";
const COMMANDS =
  "StartRun or PauseRun or ResumeRun or ApproveRun or AbandonRun or ResolveConflicts or RollbackRequested or AbortRequested";
const ANNOUNCE = `events:PutEvents on EventsBus if StringEquals events:source calico-migrator if StringNotEquals events:detail-type ${COMMANDS}`;
const COMMAND = `events:PutEvents on EventsBus if StringEquals events:detail-type ${COMMANDS} if StringNotEquals events:source calico-migrator`;
const SCHEDULE = [
  "scheduler:CreateSchedule on arn:scheduler::schedule/CalicoMigrator/*",
  "iam:PassRole on SchedulesMessageRole if StringEquals iam:PassedToService scheduler.amazonaws.com",
];
const key = (actions: string, ...services: string[]) =>
  `${actions} on EncryptionKey if StringEquals kms:ViaService ${services.join(" or ")}`;
const USE =
  "kms:Decrypt, kms:DescribeKey, kms:Encrypt, kms:GenerateDataKey, kms:ReEncryptFrom, kms:ReEncryptTo";
const lambda = (name: string) => [
  `logs:CreateLogStream, logs:PutLogEvents on Functions${name}Logs`,
  "xray:PutTelemetryRecords, xray:PutTraceSegments on *",
];
const FIND = ["cloudformation:DescribeStacks on <AWS::StackId>", READ];
const SECRET_ARNS = "arn:secretsmanager::secret:CalicoMigrator/clusters/*";

/** Every statement of every role and policy of the stack. */
const ALL = {
  FunctionsRunRole: [
    TABLE,
    take("QueuesRuns, QueuesCommands"),
    send("QueuesRuns", "QueuesBatches", "QueuesRollbacks"),
    ...ARTIFACTS,
    SECRETS,
    ANNOUNCE,
    ...SCHEDULE,
    key(USE, "dynamodb", "s3", "secretsmanager", "sqs"),
    ...lambda("Run"),
  ],
  FunctionsBatchRole: [
    TABLE,
    take("QueuesBatches"),
    send("QueuesRuns", "QueuesBatches"),
    ...ARTIFACTS,
    SECRETS,
    key(USE, "dynamodb", "s3", "secretsmanager", "sqs"),
    ...lambda("Batch"),
  ],
  FunctionsRollbackRole: [
    TABLE,
    take("QueuesRollbacks"),
    send("QueuesRuns", "QueuesBatches", "QueuesRollbacks"),
    ...ARTIFACTS,
    SECRETS,
    ANNOUNCE,
    ...SCHEDULE,
    key(USE, "dynamodb", "s3", "secretsmanager", "sqs"),
    ...lambda("Rollback"),
  ],
  FunctionsWakeRole: [
    READ,
    "dynamodb:Query on CheckpointsTable/index/wake",
    "dynamodb:UpdateItem on CheckpointsTable if ForAllValues:StringLike dynamodb:LeadingKeys LEASE#*",
    "dynamodb:BatchWriteItem, dynamodb:DeleteItem on CheckpointsTable if ForAllValues:StringLike dynamodb:LeadingKeys RUN#* or RUNS or CLUSTER#* or LEASE#* or REMOVALS",
    "dynamodb:PutItem on CheckpointsTable if ForAllValues:StringEquals dynamodb:LeadingKeys REMOVALS",
    send("QueuesRuns", "QueuesBatches", "QueuesRollbacks"),
    key(USE, "dynamodb", "sqs"),
    ...lambda("Wake"),
  ],
  FunctionsDeadLetterRole: [
    READ,
    "dynamodb:ConditionCheckItem, dynamodb:PutItem, dynamodb:UpdateItem on CheckpointsTable",
    "sqs:ChangeMessageVisibility, sqs:ReceiveMessage on QueuesCommandsDeadLetters, QueuesRunsDeadLetters, QueuesBatchesDeadLetters, QueuesRollbacksDeadLetters",
    ANNOUNCE,
    key(USE, "dynamodb", "sqs"),
    ...lambda("DeadLetter"),
  ],
  SchedulesMessageRole: [
    send("QueuesRuns", "QueuesRollbacks"),
    key("kms:Decrypt, kms:GenerateDataKey", "sqs"),
  ],
  SchedulesCallRole: ["lambda:InvokeFunction on FunctionsWakeFunction, FunctionsDeadLetterFunction"],
  PeopleViewer: [
    ...FIND,
    "s3:ListBucket on ArtifactsBucket",
    key("kms:Decrypt, kms:DescribeKey", "dynamodb"),
  ],
  PeopleOperator: [
    ...FIND,
    COMMAND,
    "s3:ListBucket on ArtifactsBucket",
    "s3:GetObject, s3:GetObjectVersion on ArtifactsBucket/*",
    "s3:PutObject on ArtifactsBucket/manifests/*",
    "s3:PutObject on ArtifactsBucket/plans/*",
    key("kms:Decrypt, kms:DescribeKey, kms:GenerateDataKey", "dynamodb", "s3"),
  ],
  PeopleClusterAdmin: [
    ...FIND,
    "dynamodb:ConditionCheckItem, dynamodb:DeleteItem, dynamodb:PutItem, dynamodb:UpdateItem on CheckpointsTable if ForAllValues:StringLike dynamodb:LeadingKeys CLUSTERS or CLUSTER#*",
    `secretsmanager:CreateSecret, secretsmanager:TagResource on ${SECRET_ARNS} if Null aws:RequestTag/calico-migrator:cluster false`,
    `secretsmanager:DeleteSecret, secretsmanager:DescribeSecret, secretsmanager:PutSecretValue, secretsmanager:RestoreSecret on ${SECRET_ARNS} if Null aws:ResourceTag/calico-migrator:cluster false`,
    key("kms:Decrypt, kms:DescribeKey, kms:GenerateDataKey", "dynamodb", "secretsmanager"),
  ],
  PeopleBackupImporter: [
    ...FIND,
    "s3:ListBucket on ArtifactsBucket",
    "s3:AbortMultipartUpload, s3:GetObject, s3:GetObjectVersion, s3:PutObject on ArtifactsBucket/runs/*/backup/*, ArtifactsBucket/staging/*",
    "s3:DeleteObject, s3:DeleteObjectVersion on ArtifactsBucket/staging/*",
    key("kms:Decrypt, kms:DescribeKey, kms:GenerateDataKey", "dynamodb", "s3"),
  ],
};

describe("permissions", () => {
  test("each role and policy has exactly these", () => {
    assert.deepEqual(policiesOf(synthesized()), ALL);
  });

  test("functions that reach clusters may take the roles given for that, and enter the VPC; the others may not", () => {
    const policies = policiesOf(synthesized(EVERYTHING));
    const added = (name: string) => policies[name]?.filter((line) => /sts:|ec2:/.test(line));
    const interfaces =
      "ec2:AssignPrivateIpAddresses, ec2:CreateNetworkInterface, ec2:DeleteNetworkInterface, ec2:DescribeNetworkInterfaces, ec2:DescribeSubnets, ec2:UnassignPrivateIpAddresses on *";
    for (const name of ["FunctionsRunRole", "FunctionsBatchRole", "FunctionsRollbackRole"]) {
      assert.deepEqual(added(name), [
        "sts:AssumeRole on arn:aws:iam::111122223333:role/clusters",
        interfaces,
        `never ${interfaces} if ArnLike lambda:SourceFunctionArn arn:lambda::function:*`,
      ]);
    }
    for (const name of ["FunctionsWakeRole", "FunctionsDeadLetterRole"]) assert.deepEqual(added(name), []);
  });
});
