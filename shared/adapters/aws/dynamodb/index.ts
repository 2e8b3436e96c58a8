import type { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import type { Clock } from "../../../engine/ports.ts";
import { DynamoDbCheckpointStore } from "./checkpoint-store.ts";
import { DynamoDbClusters } from "./clusters.ts";
import { DEFAULT_RETRY, type RetryPolicy } from "./retry.ts";
import { Table } from "./table.ts";

export type { DynamoDbCheckpointStore } from "./checkpoint-store.ts";
export type { DynamoDbClusters, RegisteredCluster } from "./clusters.ts";
export { tableDefinition } from "./table-definition.ts";

/** A table and how to reach it. */
export interface DynamoDbTable {
  client: DynamoDBDocumentClient;
  tableName: string;
  /** How patiently; by default, for about ten seconds. */
  retry?: RetryPolicy;
}

/** The runs in a table. It is laid out as {@link tableDefinition} says; nothing is created here. */
export function openDynamoDbStore(
  options: DynamoDbTable & {
    /** The time of this worker, kept by NTP: leases go by it. */
    clock: Pick<Clock, "now">;
    /** How long ended runs are kept. */
    historyDays: number;
  },
): DynamoDbCheckpointStore {
  return new DynamoDbCheckpointStore(tableOf(options), options);
}

/** The registry of clusters in a table. */
export function openDynamoDbClusters(options: DynamoDbTable): DynamoDbClusters {
  return new DynamoDbClusters(tableOf(options));
}

function tableOf({ client, tableName, retry }: DynamoDbTable): Table {
  return new Table(client, tableName, retry ?? DEFAULT_RETRY);
}
