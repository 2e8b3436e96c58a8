import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import {
  type DynamoDbCheckpointStore,
  type DynamoDbClusters,
  type DynamoDbTable,
  openDynamoDbClusters,
  openDynamoDbStore,
  tableDefinition,
} from "../../shared/adapters/aws/dynamodb/index.ts";
import { ManualClock } from "../../shared/engine/testing/manual-clock.ts";
import { startDynamoDbLocal } from "../harness/dynamodb-local.ts";

/** One table, with a client of its own. Others may be opened on the same table, as by other processes. */
export interface OpenTable {
  client: DynamoDBClient;
  documents: DynamoDBDocumentClient;
  tableName: string;
  clock: ManualClock;
  store: DynamoDbCheckpointStore;
  clusters: DynamoDbClusters;
  /** The same table through another client. */
  again(options?: Pick<DynamoDbTable, "retry"> & { maxAttempts?: number }): OpenTable;
}

/** A DynamoDB with as many tables as tests ask for. */
export interface Tables {
  create(): Promise<OpenTable>;
  stop(): Promise<void>;
}

/** Starts DynamoDB Local. */
export async function startTables(): Promise<Tables> {
  const server = await startDynamoDbLocal();
  const clients: DynamoDBClient[] = [];
  const connect = (maxAttempts: number): DynamoDBClient => {
    const credentials = { accessKeyId: "test", secretAccessKey: "test" };
    const client = new DynamoDBClient({
      endpoint: server.endpoint,
      region: "eu-west-1",
      credentials,
      maxAttempts,
    });
    clients.push(client);
    return client;
  };
  let tables = 0;
  return {
    create: async () => {
      const tableName = `table-${(tables += 1)}`;
      const client = connect(3);
      await client.send(new CreateTableCommand(tableDefinition(tableName)));
      return openTable(connect, client, tableName, new ManualClock());
    },
    stop: async () => {
      for (const client of clients) client.destroy();
      await server.stop();
    },
  };
}

function openTable(
  connect: (maxAttempts: number) => DynamoDBClient,
  client: DynamoDBClient,
  tableName: string,
  clock: ManualClock,
  retry?: DynamoDbTable["retry"],
): OpenTable {
  const documents = DynamoDBDocumentClient.from(client);
  const table = { client: documents, tableName, ...(retry === undefined ? {} : { retry }) };
  return {
    client,
    documents,
    tableName,
    clock,
    store: openDynamoDbStore({ ...table, clock, historyDays: 90 }),
    clusters: openDynamoDbClusters(table),
    again: (options = {}) =>
      openTable(connect, connect(options.maxAttempts ?? 3), tableName, clock, options.retry),
  };
}
