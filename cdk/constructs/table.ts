import { AttributeType, BillingMode, ProjectionType, Table, TableEncryption } from "aws-cdk-lib/aws-dynamodb";
import type { IKey } from "aws-cdk-lib/aws-kms";
import { Construct } from "constructs";
import type { StackConfig } from "../props.ts";
import { removalPolicyOf } from "../removal.ts";

/** The sparse index of what must be woken. */
export const WAKE_INDEX = "wake";

/** The one table of runs, stages, batches, checkpoints, leases and clusters: the truth that messages only hint at. */
export class CheckpointTable extends Construct {
  /** Not a TableV2: a global table with a key of ours has to know its region at synthesis. */
  readonly table: Table;

  constructor(scope: Construct, id: string, config: StackConfig, key: IKey) {
    super(scope, id);
    this.table = new Table(this, "Table", {
      partitionKey: { name: "pk", type: AttributeType.STRING },
      sortKey: { name: "sk", type: AttributeType.STRING },
      billingMode: BillingMode.PAY_PER_REQUEST,
      timeToLiveAttribute: "expiresAt",
      encryption: TableEncryption.CUSTOMER_MANAGED,
      encryptionKey: key,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      deletionProtection: config.deletionProtection,
      removalPolicy: removalPolicyOf(config),
    });
    this.table.addGlobalSecondaryIndex({
      indexName: WAKE_INDEX,
      partitionKey: { name: "wakePartition", type: AttributeType.STRING },
      sortKey: { name: "wakeAt", type: AttributeType.NUMBER },
      projectionType: ProjectionType.KEYS_ONLY,
    });
  }
}
