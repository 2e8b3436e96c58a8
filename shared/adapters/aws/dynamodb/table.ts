import { randomUUID } from "node:crypto";
import {
  BatchGetCommand,
  BatchWriteCommand,
  type BatchWriteCommandInput,
  type DynamoDBDocumentClient,
  GetCommand,
  QueryCommand,
  type QueryCommandInput,
  TransactWriteCommand,
  UpdateCommand,
  type UpdateCommandInput,
} from "@aws-sdk/lib-dynamodb";
import { cancellationOf, mayBeRepeated, type Refusal, refusalOf, storeError } from "./aws-errors.ts";
import { bindActions, type Action } from "./actions.ts";
import { StoreBusyError } from "./errors.ts";
import type { Key, KeyRange } from "./keys.ts";
import type { Item } from "./record-size.ts";
import { AGAIN, backOff, type RetryPolicy, untilSettled } from "./retry.ts";

const KEYS_PER_READ = 100;
const KEYS_PER_WRITE = 25;

type WriteRequests = NonNullable<BatchWriteCommandInput["RequestItems"]>[string];

/** Which items of a range to read. */
export interface RangeQuery {
  range: KeyRange;
  /** Only items for which this expression holds. */
  filter?: { expression: string; names?: Record<string, string>; values: Item };
  /** The attributes to read; all without it. Names that DynamoDB reserves need `names`. */
  only?: { expression: string; names?: Record<string, string> };
  descending?: boolean;
  /** How many items to read at once, before the filter. */
  pageSize?: number;
}

/** One table, seen through a client: consistent reads, and writes that are repeated until their result is known. */
export class Table {
  readonly name: string;
  readonly retry: RetryPolicy;
  readonly #client: DynamoDBDocumentClient;

  constructor(client: DynamoDBDocumentClient, name: string, retry: RetryPolicy) {
    this.#client = client;
    this.name = name;
    this.retry = retry;
  }

  async get<T>(key: Key): Promise<T | undefined> {
    const command = new GetCommand({ TableName: this.name, Key: key, ConsistentRead: true });
    const { Item: item } = await this.#call("GetItem", () => this.#client.send(command));
    return item as T | undefined;
  }

  /** The items of these keys that are there, in no order. A key may be given more than once. */
  async getAll<T>(keys: readonly Key[], only?: RangeQuery["only"]): Promise<T[]> {
    const unique = [...new Map(keys.map((key) => [`${key.pk}\n${key.sk}`, key])).values()];
    const parts: Key[][] = [];
    for (let start = 0; start < unique.length; start += KEYS_PER_READ) {
      parts.push(unique.slice(start, start + KEYS_PER_READ));
    }
    return (await Promise.all(parts.map((part) => this.#getPart<T>(part, only)))).flat();
  }

  /** The items of a range that match, page by page; a page may be empty. */
  async *query<T>(query: RangeQuery): AsyncGenerator<T[], void> {
    const input = queryInput(this.name, query);
    let start: QueryCommandInput["ExclusiveStartKey"];
    do {
      const command = new QueryCommand(start === undefined ? input : { ...input, ExclusiveStartKey: start });
      const page = await this.#call("Query", () => this.#client.send(command));
      yield (page.Items ?? []) as T[];
      start = page.LastEvaluatedKey;
    } while (start !== undefined);
  }

  /** One page of any query, as the client takes it. */
  async queryOnce<T>(input: Omit<QueryCommandInput, "TableName">): Promise<T[]> {
    const command = new QueryCommand({ TableName: this.name, ...input });
    const { Items: items } = await this.#call("Query", () => this.#client.send(command));
    return (items ?? []) as T[];
  }

  /** Updates one item if its condition holds. Sent again after a lost answer, it may find its own write. */
  async update(
    input: Omit<UpdateCommandInput, "TableName">,
  ): Promise<{ item: unknown } | { refusal: Refusal }> {
    const command = new UpdateCommand({
      TableName: this.name,
      ReturnValues: "ALL_NEW",
      ReturnValuesOnConditionCheckFailure: "ALL_OLD",
      ...input,
    });
    try {
      const { Attributes: item } = await this.#call("UpdateItem", () => this.#client.send(command));
      return { item };
    } catch (error) {
      const refusal = refusalOf(error);
      if (refusal === undefined) throw error;
      return { refusal };
    }
  }

  /**
   * Carries out all actions or none. Undefined when they were carried out, once, also when that was only told at the
   * second try; otherwise the conditions that did not hold, by the actions' places. `actions` is called again when others
   * were at the same items at the same time.
   */
  async transact(actions: () => readonly Action[]): Promise<(Refusal | undefined)[] | undefined> {
    const result = await untilSettled(this.retry, "a transaction", async () => {
      // One token for all tries of one request: DynamoDB then tells the first one's result.
      const command = new TransactWriteCommand({
        TransactItems: bindActions(this.name, actions()),
        ClientRequestToken: randomUUID(),
      });
      try {
        await this.#call("TransactWriteItems", () => this.#client.send(command));
        return { refusals: undefined };
      } catch (error) {
        const cancelled = cancellationOf(error);
        if (cancelled === undefined) throw error;
        const { refusals, passing } = cancelled;
        // The first action is mostly the lease: where that is lost, nothing else matters.
        if (passing && refusals[0] === undefined) return AGAIN;
        return { refusals };
      }
    });
    return result.refusals;
  }

  /** Removes items, whether they are there or not, some at a time. */
  async removeAll(keys: readonly Key[]): Promise<void> {
    for (let start = 0; start < keys.length; start += KEYS_PER_WRITE) {
      const part = keys.slice(start, start + KEYS_PER_WRITE);
      await this.#removePart(part.map(({ pk, sk }) => ({ DeleteRequest: { Key: { pk, sk } } })));
    }
  }

  async #removePart(requests: WriteRequests): Promise<void> {
    let left = requests;
    for (let attempt = 0; left.length > 0; attempt += 1) {
      if (attempt >= this.retry.requests) throw new StoreBusyError("removing");
      if (attempt > 0) await backOff(this.retry, attempt - 1);
      const command = new BatchWriteCommand({ RequestItems: { [this.name]: left } });
      const answer = await this.#call("BatchWriteItem", () => this.#client.send(command));
      left = answer.UnprocessedItems?.[this.name] ?? [];
    }
  }

  async #getPart<T>(keys: readonly Key[], only: RangeQuery["only"]): Promise<T[]> {
    const items: T[] = [];
    let left: Record<string, unknown>[] = [...keys] as unknown as Record<string, unknown>[];
    for (let attempt = 0; left.length > 0; attempt += 1) {
      if (attempt >= this.retry.requests) throw new StoreBusyError("reading");
      if (attempt > 0) await backOff(this.retry, attempt - 1);
      const request = { Keys: left, ConsistentRead: true, ...projection(only) };
      const command = new BatchGetCommand({ RequestItems: { [this.name]: request } });
      const answer = await this.#call("BatchGetItem", () => this.#client.send(command));
      const found = (answer.Responses?.[this.name] ?? []) as T[];
      items.push(...found);
      left = answer.UnprocessedKeys?.[this.name]?.Keys ?? [];
      // A large answer comes in parts: only a table that gives nothing at all is busy.
      if (found.length > 0) attempt = 0;
    }
    return items;
  }

  async #call<T>(action: string, send: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await send();
      } catch (error) {
        if (!mayBeRepeated(error) || attempt >= this.retry.requests)
          throw storeError(error, this.name, action);
        await backOff(this.retry, attempt);
      }
    }
  }
}

function queryInput(table: string, query: RangeQuery): QueryCommandInput {
  const { range, filter, only, descending, pageSize } = query;
  const names = { ...filter?.names, ...only?.names };
  return {
    TableName: table,
    ConsistentRead: true,
    KeyConditionExpression: "pk = :pk AND sk BETWEEN :first AND :last",
    ExpressionAttributeValues: {
      ":pk": range.pk,
      ":first": range.first,
      ":last": range.last,
      ...filter?.values,
    },
    ...(filter === undefined ? {} : { FilterExpression: filter.expression }),
    ...(only === undefined ? {} : { ProjectionExpression: only.expression }),
    ...(Object.keys(names).length === 0 ? {} : { ExpressionAttributeNames: names }),
    ...(descending === true ? { ScanIndexForward: false } : {}),
    ...(pageSize === undefined ? {} : { Limit: pageSize }),
  };
}

function projection(only: RangeQuery["only"]): object {
  if (only === undefined) return {};
  return {
    ProjectionExpression: only.expression,
    ...(only.names === undefined ? {} : { ExpressionAttributeNames: only.names }),
  };
}
