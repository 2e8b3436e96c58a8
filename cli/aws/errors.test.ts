import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MigratorError } from "../../shared/errors.ts";
import { clearAwsError } from "./errors.ts";

const CALL = { service: "dynamodb", operation: "GetItem" };

function failure(name: string, message: string, more: object = {}): Error {
  return Object.assign(new Error(message), { name, ...more });
}

function codeOf(error: unknown): string | undefined {
  const cleared = clearAwsError(error, CALL);
  return cleared instanceof MigratorError ? cleared.code : undefined;
}

describe("errors of AWS clients", () => {
  test("become what a person can act on", () => {
    const cases: [Error, string][] = [
      [failure("CredentialsProviderError", "Could not load credentials"), "AWS_CREDENTIALS_MISSING"],
      [failure("ExpiredTokenException", "expired"), "AWS_CREDENTIALS_INVALID"],
      [failure("UnrecognizedClientException", "no such key"), "AWS_CREDENTIALS_INVALID"],
      [failure("Error", "Region is missing"), "AWS_REGION_MISSING"],
      [failure("AccessDeniedException", "no"), "AWS_DENIED"],
      [failure("Forbidden", "no", { $metadata: { httpStatusCode: 403 } }), "AWS_DENIED"],
      [failure("Error", "getaddrinfo ENOTFOUND x", { code: "ENOTFOUND" }), "AWS_UNREACHABLE"],
      [failure("Error", "connect", { code: "ECONNREFUSED" }), "AWS_UNREACHABLE"],
      [failure("TimeoutError", "no answer"), "AWS_UNREACHABLE"],
    ];
    for (const [error, code] of cases) assert.equal(codeOf(error), code, error.name);
  });

  test("name the action that is denied, as AWS says it or else as it was called", () => {
    const message =
      "User: arn:aws:iam::1:user/a is not authorized to perform: dynamodb:Query on resource: arn:aws:dynamodb:…";
    const said = clearAwsError(failure("AccessDeniedException", message), CALL);
    assert.ok(said instanceof MigratorError && said.message === "AWS denies dynamodb:Query");
    const called = clearAwsError(failure("AccessDenied", "Access Denied"), CALL);
    assert.ok(called instanceof MigratorError && called.message === "AWS denies dynamodb:GetItem");
  });

  test("stay as they are where somebody else knows what they mean", () => {
    const conditional = failure("ConditionalCheckFailedException", "The conditional request failed");
    assert.equal(clearAwsError(conditional, CALL), conditional);
    const own = new MigratorError("STORE_BUSY", "busy", { next: "Wait." });
    assert.equal(clearAwsError(own, CALL), own);
  });
});
