import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import {
  BatchGetCommand,
  BatchWriteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  TransactWriteCommand,
  UpdateCommand,
} from "@aws-sdk/lib-dynamodb";
import { tableDefinition } from "../../../shared/adapters/aws/dynamodb/index.ts";
import { type DynamoDbLocal, startDynamoDbLocal } from "../../harness/dynamodb-local.ts";
import { waitUntil } from "../../harness/wait.ts";
import { type DynamoDbMeter, startDynamoDbMeter } from "./meter.ts";

const TableName = "metered";
/** With its keys less than 2 KB, more than 1 KB. */
const TWO_UNITS = "x".repeat(1_500);
const NEVER = { ConditionExpression: "attribute_not_exists(pk) AND attribute_exists(pk)" };

/** Each is what AWS's documentation says that a request costs. */
describe("the meter charges what AWS would", () => {
  let local: DynamoDbLocal;
  let meter: DynamoDbMeter;
  let client: DynamoDBClient;
  let documents: DynamoDBDocumentClient;

  before(async () => {
    local = await startDynamoDbLocal();
    meter = await startDynamoDbMeter(local.endpoint);
    const credentials = { accessKeyId: "test", secretAccessKey: "test" };
    client = new DynamoDBClient({ endpoint: meter.endpoint, region: "us-east-1", credentials });
    documents = DynamoDBDocumentClient.from(client);
    await client.send(new CreateTableCommand(tableDefinition(TableName)));
    for (const [sk, text] of Object.entries({ small: "", large: TWO_UNITS })) {
      await documents.send(new PutCommand({ TableName, Item: { pk: "kept", sk, text } }));
    }
  });
  after(async () => {
    client.destroy();
    await meter.stop();
    await local.stop();
  });

  async function units(send: () => Promise<unknown>): Promise<[write: number, read: number]> {
    meter.reset();
    await send().catch(() => undefined);
    // What was asked is told after its answer.
    const [one] = await waitUntil({ what: "the count", timeoutMs: 60_000 }, () => {
      const counts = [...meter.metered.values()];
      return counts.length > 0 && counts;
    });
    return [one?.writeUnits ?? NaN, one?.readUnits ?? NaN];
  }
  const put = (sk: string, over: object = {}) => ({ TableName, Item: { pk: "put", sk, ...over } });
  const transact = (TransactItems: NonNullable<TransactWriteCommand["input"]["TransactItems"]>) => () =>
    documents.send(new TransactWriteCommand({ TransactItems }));

  test("for a write: a unit for each KB, and for the entry in the index", async () => {
    assert.deepEqual(await units(() => documents.send(new PutCommand(put("1")))), [1, 0]);
    assert.deepEqual(
      await units(() => documents.send(new PutCommand(put("2", { text: TWO_UNITS })))),
      [2, 0],
    );
    const woken = put("3", { wakePartition: "wake", wakeAt: 1 });
    assert.deepEqual(await units(() => documents.send(new PutCommand(woken))), [2, 0]);
  });

  test("for a write whose condition does not hold", async () => {
    assert.deepEqual(await units(() => documents.send(new PutCommand({ ...put("4"), ...NEVER }))), [1, 0]);
    const Key = { pk: "kept", sk: "small" };
    const UpdateExpression = "SET a = :a";
    const update = { TableName, Key, UpdateExpression, ExpressionAttributeValues: { ":a": 1 }, ...NEVER };
    assert.deepEqual(await units(() => documents.send(new UpdateCommand(update))), [1, 0]);
    assert.deepEqual(await units(transact([{ Put: put("5") }, { Put: { ...put("6"), ...NEVER } }])), [4, 0]);
  });

  test("for a transaction: twice as much, also for what is only looked at", async () => {
    const check = {
      TableName,
      Key: { pk: "kept", sk: "small" },
      ConditionExpression: "attribute_exists(pk)",
    };
    assert.deepEqual(await units(transact([{ Put: put("7") }])), [2, 0]);
    assert.deepEqual(await units(transact([{ Put: put("8", { text: TWO_UNITS }) }])), [4, 0]);
    assert.deepEqual(await units(transact([{ Put: put("9") }, { ConditionCheck: check }])), [4, 0]);
    const many = Array.from({ length: 50 }, (_, index) => ({ Put: put(`many-${index}`) }));
    assert.deepEqual(await units(transact([...many, { ConditionCheck: check }])), [102, 0]);
    const set = { UpdateExpression: "SET a = :a", ExpressionAttributeValues: { ":a": 1 } };
    const Key = { pk: "kept", sk: "large" };
    assert.deepEqual(await units(transact([{ Update: { TableName, Key, ...set } }])), [4, 0]);
    assert.deepEqual(await units(transact([{ Delete: { TableName, Key: { pk: "put", sk: "7" } } }])), [2, 0]);
    const woken = put("10", { wakePartition: "wake", wakeAt: 1 });
    assert.deepEqual(await units(transact([{ Put: woken }])), [4, 0]);
  });

  test("for removals in a batch, and for reads", async () => {
    const removals = ["1", "2", "3"].map((sk) => ({ DeleteRequest: { Key: { pk: "put", sk } } }));
    const batch = { RequestItems: { [TableName]: removals } };
    assert.deepEqual(await units(() => documents.send(new BatchWriteCommand(batch))), [1 + 2 + 2, 0]);
    const Keys = ["small", "large", "absent"].map((sk) => ({ pk: "kept", sk }));
    const getAll = { RequestItems: { [TableName]: { Keys, ConsistentRead: true } } };
    assert.deepEqual(await units(() => documents.send(new BatchGetCommand(getAll))), [0, 3]);
    const get = { TableName, Key: { pk: "kept", sk: "large" }, ConsistentRead: true };
    assert.deepEqual(await units(() => documents.send(new GetCommand(get))), [0, 1]);
    const absent = { TableName, Key: { pk: "kept", sk: "absent" }, ConsistentRead: true };
    assert.deepEqual(await units(() => documents.send(new GetCommand(absent))), [0, 1]);
    const all = { KeyConditionExpression: "pk = :pk", ExpressionAttributeValues: { ":pk": "kept" } };
    const query = { TableName, ...all, ConsistentRead: true };
    assert.deepEqual(await units(() => documents.send(new QueryCommand(query))), [0, 1]);
  });

  test("and tells when a request arrives", async () => {
    const arrival = meter.arrival('"awaited"');
    const before = performance.now();
    await documents.send(new GetCommand({ TableName, Key: { pk: "another", sk: "small" } }));
    await documents.send(new GetCommand({ TableName, Key: { pk: "awaited", sk: "small" } }));
    assert.ok((await arrival) > before);
  });
});
