import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ConditionalCheckFailedException, TransactionCanceledException } from "@aws-sdk/client-dynamodb";
import { cancellationOf, mayBeRepeated, refusalOf, storeError } from "./aws-errors.ts";

const $metadata = {};

function cancelled(...codes: string[]): TransactionCanceledException {
  const CancellationReasons = codes.map((Code) => ({ Code }));
  return new TransactionCanceledException({ message: "cancelled", $metadata, CancellationReasons });
}

function named(name: string, more: object = {}): Error {
  return Object.assign(new Error("an answer"), { name, ...more });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : error;
}

describe("a cancelled transaction", () => {
  test("tells which conditions did not hold, with the items as they were", () => {
    const item = { pk: { S: "p" } };
    const CancellationReasons = [
      { Code: "None" },
      { Code: "ConditionalCheckFailed", Item: item },
      { Code: "ConditionalCheckFailed" },
    ];
    const error = new TransactionCanceledException({ message: "", $metadata, CancellationReasons });

    assert.deepEqual(cancellationOf(error), { refusals: [undefined, { item }, {}], passing: false });
  });

  for (const code of ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]) {
    test(`passes when its reason is ${code}`, () => {
      assert.equal(cancellationOf(cancelled("ConditionalCheckFailed", code))?.passing, true);
    });
  }

  test("for a reason that no other try can mend is an error as any other", () => {
    assert.equal(cancellationOf(cancelled("None", "ValidationError")), undefined);
    assert.equal(cancellationOf(cancelled()), undefined);
    assert.equal(cancellationOf(new Error("other")), undefined);
  });
});

describe("an error of DynamoDB", () => {
  test("of a condition is a refusal, and no other is", () => {
    const error = new ConditionalCheckFailedException({ message: "", $metadata });

    assert.deepEqual(refusalOf(error), {});
    assert.equal(refusalOf(new Error("other")), undefined);
  });

  for (const [error, code] of [
    [named("ThrottlingException"), "STORE_BUSY"],
    [named("TransactionConflictException"), "STORE_BUSY"],
    [named("TransactionInProgressException"), "STORE_BUSY"],
    [named("TimeoutError"), "STORE_UNREACHABLE"],
    [named("Error", { code: "ECONNRESET" }), "STORE_UNREACHABLE"],
    [named("InternalServerError", { $fault: "server" }), "STORE_UNREACHABLE"],
    [named("Unknown", { $metadata: { httpStatusCode: 503 } }), "STORE_UNREACHABLE"],
  ] as const) {
    test(`that may pass, such as ${error.name}, may be repeated, and is ${code} in the end`, () => {
      assert.equal(mayBeRepeated(error), true);
      assert.equal(codeOf(storeError(error, "table", "PutItem")), code);
    });
  }

  for (const [error, code] of [
    [named("ResourceNotFoundException"), "STORE_NOT_FOUND"],
    [named("AccessDeniedException"), "STORE_DENIED"],
  ] as const) {
    test(`that stays, such as ${error.name}, is ${code} at once`, () => {
      assert.equal(mayBeRepeated(error), false);
      assert.equal(codeOf(storeError(error, "table", "PutItem")), code);
    });
  }

  test("that nobody can know stays what it is", () => {
    const error = named("ValidationException", { $fault: "client", $metadata: { httpStatusCode: 400 } });

    assert.equal(mayBeRepeated(error), false);
    assert.equal(storeError(error, "table", "PutItem"), error);
  });

  test("of missing rights names the action and the table, and not who asked", () => {
    const error = Object.assign(new Error("User: arn:aws:iam::1:user/anna is not authorized"), {
      name: "AccessDeniedException",
    });
    const denied = storeError(error, "runs", "TransactWriteItems");

    assert.ok(denied instanceof Error);
    assert.match(denied.message, /dynamodb:TransactWriteItems on the table "runs"/);
    assert.doesNotMatch(denied.message, /anna/);
  });
});
