import { Duration } from "aws-cdk-lib";
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type IBucket,
  type LifecycleRule,
  ObjectOwnership,
} from "aws-cdk-lib/aws-s3";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { Construct } from "constructs";
import type { StackConfig } from "../props.ts";
import { removalPolicyOf } from "../removal.ts";

/** Where an artifact is while it is written; what lies there for longer is left over from a crash. */
export const STAGING_PREFIX = "staging/";

/** Manifests that a person's command line hands to a run. */
export const MANIFEST_PREFIX = "manifests/";

/** Plans that a person's command line keeps until somebody starts them, or nobody has. */
export const PLAN_PREFIX = "plans/";

/** For how long a plan can be started; the command line refuses older ones by itself. */
const PLAN_DAYS = 7;

/** Backups, each under the name of the run that made it or of an import. */
export const BACKUP_PATTERN = "runs/*/backup/*";

/** Backups, plans, reports and manifests, and who asked for them. */
export class Artifacts extends Construct {
  readonly bucket: Bucket;

  constructor(scope: Construct, id: string, config: StackConfig, key: IKey) {
    super(scope, id);
    const secured = {
      blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
      objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      removalPolicy: removalPolicyOf(config),
    };
    // CDK's Bucket is no IBucket to a compiler that tells optional from undefined.
    const accessLogs = new Bucket(this, "AccessLogs", {
      ...secured,
      // S3 delivers access logs only to buckets with keys of its own.
      encryption: BucketEncryption.S3_MANAGED,
      lifecycleRules: [{ id: "Expire", expiration: Duration.days(config.logRetentionDays) }],
    });
    this.bucket = new Bucket(this, "Bucket", {
      ...secured,
      versioned: true,
      encryption: BucketEncryption.KMS,
      encryptionKey: key,
      bucketKeyEnabled: true,
      serverAccessLogsBucket: accessLogs as IBucket,
      serverAccessLogsPrefix: "artifacts/",
      lifecycleRules: lifecycle(config),
    });
  }
}

function lifecycle({ artifactRetentionDays, historyDays }: StackConfig): LifecycleRule[] {
  return [
    {
      id: "Staging",
      prefix: STAGING_PREFIX,
      expiration: Duration.days(1),
      noncurrentVersionExpiration: Duration.days(1),
    },
    {
      id: "Plans",
      prefix: PLAN_PREFIX,
      expiration: Duration.days(PLAN_DAYS),
      noncurrentVersionExpiration: Duration.days(1),
    },
    {
      id: "Leftovers",
      abortIncompleteMultipartUploadAfter: Duration.days(1),
      noncurrentVersionExpiration: Duration.days(historyDays),
      ...(artifactRetentionDays !== undefined && { expiration: Duration.days(artifactRetentionDays) }),
    },
  ];
}
