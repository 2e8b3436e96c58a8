import type { TransactWriteCommandInput } from "@aws-sdk/lib-dynamodb";
import type { Key } from "./keys.ts";
import type { Item } from "./record-size.ts";

type TransactItem = NonNullable<TransactWriteCommandInput["TransactItems"]>[number];

/** When an action may be carried out. `names` are for attributes whose names DynamoDB reserves. */
export interface Condition {
  expression: string;
  names?: Record<string, string>;
  values?: Item;
}

/** A write of one item, or a mere condition, as a part of a transaction. */
export type Action =
  | { put: Item; if?: Condition }
  | { remove: Key; if?: Condition }
  | { check: Key; if: Condition }
  | { update: Key; set: Condition; if?: Condition };

/** How many actions a transaction may have, and how many bytes (less what requests need around the items). */
export const MAX_ACTIONS = 100;
export const MAX_BYTES = 3_500_000;

/** The item is not there yet. */
export const ABSENT: Condition = { expression: "attribute_not_exists(pk)" };

/** The item is there. */
export const PRESENT: Condition = { expression: "attribute_exists(pk)" };

/** The actions as the client takes them. */
export function bindActions(table: string, actions: readonly Action[]): TransactItem[] {
  return actions.map((action) => {
    if ("put" in action) return { Put: { TableName: table, Item: action.put, ...conditionOf(action.if) } };
    if ("remove" in action)
      return { Delete: { TableName: table, Key: action.remove, ...conditionOf(action.if) } };
    if ("check" in action)
      return {
        ConditionCheck: {
          TableName: table,
          Key: action.check,
          ...conditionOf(action.if),
          ConditionExpression: action.if.expression,
        },
      };
    const { expression, names, values } = action.set;
    const condition = conditionOf(action.if, { names: names ?? {}, values: values ?? {} });
    return { Update: { TableName: table, Key: action.update, ...condition, UpdateExpression: expression } };
  });
}

function conditionOf(
  condition: Condition | undefined,
  more: { names: Record<string, string>; values: Item } = { names: {}, values: {} },
): object {
  const names = { ...more.names, ...condition?.names };
  const values = { ...more.values, ...condition?.values };
  return {
    ...(condition === undefined
      ? {}
      : { ConditionExpression: condition.expression, ReturnValuesOnConditionCheckFailure: "ALL_OLD" }),
    ...(Object.keys(names).length === 0 ? {} : { ExpressionAttributeNames: names }),
    ...(Object.keys(values).length === 0 ? {} : { ExpressionAttributeValues: values }),
  };
}
