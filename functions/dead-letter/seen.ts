import { type DynamoDBDocumentClient, GetCommand, PutCommand } from "@aws-sdk/lib-dynamodb";
import { callAws } from "../../shared/adapters/aws/calls/failure.ts";
import type { Clock } from "../../shared/engine/ports.ts";
import type { Seen } from "./handler.ts";

/** A day longer than a message stays in a dead-letter queue. */
const KEPT_SECONDS = 15 * 24 * 3600;

/** Remembers messages in rows of the table, which expire. */
export class DynamoDbSeen implements Seen {
  readonly #client: DynamoDBDocumentClient;
  readonly #tableName: string;
  readonly #clock: Pick<Clock, "now">;
  /** What this process has seen: most looks find the same messages again. */
  readonly #here = new Set<string>();

  constructor(parts: { client: DynamoDBDocumentClient; tableName: string; clock: Pick<Clock, "now"> }) {
    this.#client = parts.client;
    this.#tableName = parts.tableName;
    this.#clock = parts.clock;
  }

  async has(key: string): Promise<boolean> {
    if (this.#here.has(key)) return true;
    const request = new GetCommand({ TableName: this.#tableName, Key: keyOf(key), ConsistentRead: true });
    const { Item } = await callAws("read a row of the table", () => this.#client.send(request));
    const found = Item !== undefined;
    if (found) this.#here.add(key);
    return found;
  }

  async remember(key: string): Promise<void> {
    const expiresAt = Math.floor(this.#clock.now() / 1000) + KEPT_SECONDS;
    const Item = { ...keyOf(key), expiresAt };
    const put = new PutCommand({ TableName: this.#tableName, Item });
    await callAws("write a row of the table", () => this.#client.send(put));
    this.#here.add(key);
  }
}

function keyOf(key: string): { pk: string; sk: string } {
  return { pk: `DEAD-LETTER#${key}`, sk: "SEEN" };
}
