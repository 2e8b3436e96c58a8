import type { CreateTableCommandInput } from "@aws-sdk/client-dynamodb";

/** The sparse index of the runs that have to be woken, by time. */
export const WAKE_INDEX = "wake";

/** The partition of {@link WAKE_INDEX}: one for all, as an entry is written once a save and read once a minute. */
export const WAKE_PARTITION = "RUNS";

/**
 * The table as CreateTable wants it: partition key `pk`, sort key `sk`, the sparse index `wake`, and no capacity to plan.
 * Protection, encryption, backups and expiry are the deployment's business.
 */
export function tableDefinition(tableName: string): CreateTableCommandInput {
  return {
    TableName: tableName,
    BillingMode: "PAY_PER_REQUEST",
    AttributeDefinitions: [
      { AttributeName: "pk", AttributeType: "S" },
      { AttributeName: "sk", AttributeType: "S" },
      { AttributeName: "wakePartition", AttributeType: "S" },
      { AttributeName: "wakeAt", AttributeType: "N" },
    ],
    KeySchema: [
      { AttributeName: "pk", KeyType: "HASH" },
      { AttributeName: "sk", KeyType: "RANGE" },
    ],
    GlobalSecondaryIndexes: [
      {
        IndexName: WAKE_INDEX,
        KeySchema: [
          { AttributeName: "wakePartition", KeyType: "HASH" },
          { AttributeName: "wakeAt", KeyType: "RANGE" },
        ],
        Projection: { ProjectionType: "KEYS_ONLY" },
      },
    ],
  };
}
