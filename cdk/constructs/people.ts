import { Stack } from "aws-cdk-lib";
import { ManagedPolicy, type PolicyStatement } from "aws-cdk-lib/aws-iam";
import { Construct } from "constructs";
import { allow, clusterSecretArns, keyStatement, TABLE_READS } from "../permissions.ts";
import { acknowledgePatterns } from "../wildcards.ts";
import { EVENT_SOURCE } from "../../events/cloud-event.ts";
import { COMMANDS } from "../names.ts";
import { BACKUP_PATTERN, MANIFEST_PREFIX, PLAN_PREFIX, STAGING_PREFIX } from "./artifacts.ts";
import type { StackParts } from "./parts.ts";

/** Marks the secrets of clusters; its value is the cluster's name. */
const CLUSTER_TAG = "calico-migrator:cluster";

/** Policies to attach to the roles of people. Someone who does everything takes `Operator` and `ClusterAdmin`. */
export class People extends Construct {
  /** Sees runs and clusters, and the names of artifacts. */
  readonly viewer: ManagedPolicy;
  /** Also starts and steers runs, and reads artifacts, which hold what was migrated. */
  readonly operator: ManagedPolicy;
  /** Registers clusters and stores their secrets, but cannot read them back. */
  readonly clusterAdmin: ManagedPolicy;
  /** Brings in backups that were exported elsewhere: what is in them is what a restore writes into clusters. */
  readonly backupImporter: ManagedPolicy;

  constructor(scope: Construct, id: string, parts: StackParts) {
    super(scope, id);
    this.viewer = this.policy("Viewer", "sees runs", viewing(parts));
    this.operator = this.policy("Operator", "starts and steers runs", operating(parts));
    this.clusterAdmin = this.policy("ClusterAdmin", "registers clusters", administering(parts));
    this.backupImporter = this.policy("BackupImporter", "brings backups in", importing(parts));
    acknowledgePatterns(this, parts);
  }

  private policy(id: string, what: string, statements: PolicyStatement[]): ManagedPolicy {
    const description = `${Stack.of(this).stackName}: ${what}`;
    return new ManagedPolicy(this, id, { description, statements });
  }
}

function viewing(parts: StackParts): PolicyStatement[] {
  return [
    ...seeing(parts),
    allow("ListArtifacts", ["s3:ListBucket"], [parts.bucket.bucketArn]),
    keyStatement(parts, ["dynamodb"], ["kms:Decrypt", "kms:DescribeKey"]),
  ];
}

function operating(parts: StackParts): PolicyStatement[] {
  const { bucket, bus } = parts;
  return [
    ...seeing(parts),
    // Nobody but the functions tells of state changes.
    allow("Command", ["events:PutEvents"], [bus.eventBusArn], {
      StringEquals: { "events:detail-type": COMMANDS },
      StringNotEquals: { "events:source": EVENT_SOURCE },
    }),
    allow("ListArtifacts", ["s3:ListBucket"], [bucket.bucketArn]),
    allow("ReadArtifacts", ["s3:GetObject", "s3:GetObjectVersion"], [bucket.arnForObjects("*")]),
    allow("GiveManifests", ["s3:PutObject"], [bucket.arnForObjects(`${MANIFEST_PREFIX}*`)]),
    allow("KeepPlans", ["s3:PutObject"], [bucket.arnForObjects(`${PLAN_PREFIX}*`)]),
    keyStatement(parts, ["dynamodb", "s3"], ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]),
  ];
}

function administering(parts: StackParts): PolicyStatement[] {
  const secrets = [clusterSecretArns(parts)];
  const writes = [
    "dynamodb:ConditionCheckItem",
    "dynamodb:DeleteItem",
    "dynamodb:PutItem",
    "dynamodb:UpdateItem",
  ];
  return [
    ...seeing(parts),
    allow("Register", writes, [parts.table.tableArn], {
      "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["CLUSTERS", "CLUSTER#*"] },
    }),
    allow("Create", ["secretsmanager:CreateSecret", "secretsmanager:TagResource"], secrets, {
      Null: { [`aws:RequestTag/${CLUSTER_TAG}`]: "false" },
    }),
    allow("Change", SECRET_CHANGES, secrets, { Null: { [`aws:ResourceTag/${CLUSTER_TAG}`]: "false" } }),
    keyStatement(
      parts,
      ["dynamodb", "secretsmanager"],
      ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
    ),
  ];
}

/** Reads are those that tell whether a name is taken; a large part of a backup is put aside first, and then copied. */
function importing(parts: StackParts): PolicyStatement[] {
  const { bucket } = parts;
  const backups = bucket.arnForObjects(BACKUP_PATTERN);
  const drafts = bucket.arnForObjects(`${STAGING_PREFIX}*`);
  return [
    ...seeing(parts),
    allow("ListArtifacts", ["s3:ListBucket"], [bucket.bucketArn]),
    allow(
      "ImportBackups",
      ["s3:AbortMultipartUpload", "s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"],
      [backups, drafts],
    ),
    allow("Staging", ["s3:DeleteObject", "s3:DeleteObjectVersion"], [drafts]),
    keyStatement(parts, ["dynamodb", "s3"], ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"]),
  ];
}

const SECRET_CHANGES = [
  "secretsmanager:DeleteSecret",
  "secretsmanager:DescribeSecret",
  "secretsmanager:PutSecretValue",
  "secretsmanager:RestoreSecret",
];

/** What every command of the command line starts with: the stack's outputs, and its state. */
function seeing({ table }: StackParts): PolicyStatement[] {
  return [
    allow("FindStack", ["cloudformation:DescribeStacks"], [Stack.of(table).stackId]),
    allow("ReadState", TABLE_READS, [table.tableArn]),
  ];
}
