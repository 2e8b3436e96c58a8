import { z } from "zod";
import { itemBytes, WireItem } from "./item-size.ts";

/** What DynamoDB charges for a request. */
export interface Units {
  write: number;
  read: number;
}

const NONE: Units = { write: 0, read: 0 };
const KB = 1024;
/** Of an action in a transaction on each KB of its item, for preparing and for committing it. */
const TRANSACTION_UNITS = 2;
/** Of an item in the sparse index at most: its old entry goes, its new one comes. */
const INDEX_UNITS = 2;

const Keyed = z.object({ TableName: z.string(), Key: WireItem });
const Transaction = z.object({
  TransactItems: z.array(
    z.object({ Put: z.object({ Item: WireItem }).optional(), Update: Keyed.optional() }),
  ),
});
const Capacity = z.object({ CapacityUnits: z.number() });
const Answer = z.object({
  ConsumedCapacity: z.union([Capacity.transform((one) => [one]), z.array(Capacity)]),
});
const BatchGet = z.object({ RequestItems: z.record(z.string(), z.object({ Keys: z.array(WireItem) })) });
const BatchGot = z.object({
  Responses: z.record(z.string(), z.array(WireItem)),
  UnprocessedKeys: z.record(z.string(), z.object({ Keys: z.array(WireItem) })).default({}),
});
const Failure = z.object({ __type: z.string() });

const READS: ReadonlySet<string> = new Set(["GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems"]);

/** A request and its answer, both as JSON. */
export interface Exchange {
  operation: string;
  status: number;
  request: string;
  answer: string;
}

/**
 * The units that AWS charges for a request. Outside of transactions DynamoDB Local counts as AWS does, where it was asked
 * for TOTAL; for a transaction it tells those of one action, so these are counted by the items: what is put by its own
 * size, what is updated by that of `updated`, what is removed or only looked at as one of up to 1 KB. Writes whose
 * condition did not hold are charged like those of up to 1 KB; other failures are free.
 */
export function unitsOf(exchange: Exchange, updated: readonly WireItem[] = []): Units {
  const { operation, status, request, answer } = exchange;
  if (status !== 200) return { ...NONE, write: failedWrites(request, answer) };
  if (operation === "TransactWriteItems") return { ...NONE, write: transactionUnits(request, updated) };
  const parsed = Answer.safeParse(JSON.parse(answer));
  if (!parsed.success) return NONE;
  const units = parsed.data.ConsumedCapacity.reduce((sum, { CapacityUnits }) => sum + CapacityUnits, 0);
  if (!READS.has(operation)) return { ...NONE, write: units };
  return { ...NONE, read: units + (operation === "BatchGetItem" ? absentKeys(request, answer) : 0) };
}

/** A consistent look at a key without an item costs a unit, which DynamoDB Local leaves out of batches. */
function absentKeys(request: string, answer: string): number {
  const asked = Object.values(BatchGet.parse(JSON.parse(request)).RequestItems);
  const { Responses, UnprocessedKeys } = BatchGot.parse(JSON.parse(answer));
  const count = (groups: readonly { Keys: unknown[] }[]): number => groups.flatMap(({ Keys }) => Keys).length;
  const found = Object.values(Responses).flat().length;
  return count(asked) - count(Object.values(UnprocessedKeys)) - found;
}

/** The keys that a transaction updates, by table. */
export function updatedKeys(request: string): Map<string, WireItem[]> {
  const updates = actionsOf(request).flatMap(({ Update }) => Update ?? []);
  const groups = Map.groupBy(updates, ({ TableName }) => TableName);
  return new Map([...groups].map(([table, group]) => [table, group.map(({ Key }) => Key)]));
}

function transactionUnits(request: string, updated: readonly WireItem[]): number {
  const actions = actionsOf(request);
  const put = actions.flatMap(({ Put }): WireItem[] => (Put === undefined ? [] : [Put.Item]));
  const items = [...put, ...updated];
  const others = (actions.length - items.length) * TRANSACTION_UNITS;
  return items.reduce((sum, item) => sum + itemUnits(item), others);
}

function itemUnits(item: WireItem): number {
  const index = "wakePartition" in item ? INDEX_UNITS : 0;
  return Math.ceil(itemBytes(item) / KB) * TRANSACTION_UNITS + index;
}

function failedWrites(request: string, answer: string): number {
  const failure = Failure.safeParse(JSON.parse(answer));
  const type = failure.success ? failure.data.__type : "";
  if (type.endsWith("#ConditionalCheckFailedException")) return 1;
  return type.endsWith("#TransactionCanceledException") ? actionsOf(request).length * TRANSACTION_UNITS : 0;
}

function actionsOf(request: string): z.infer<typeof Transaction>["TransactItems"] {
  return Transaction.parse(JSON.parse(request)).TransactItems;
}
