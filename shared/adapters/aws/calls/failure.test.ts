import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ChangeMessageVisibilityCommand, SQSClient } from "@aws-sdk/client-sqs";
import { MigratorError } from "../../../errors.ts";
import { callAws } from "./failure.ts";
import { jsonError, type ServiceAnswer, startFakeService } from "./testing/fake-service.ts";

describe("a call of AWS", () => {
  const cases: [what: string, answer: ServiceAnswer, code: string, retryable: boolean][] = [
    ["that is throttled", jsonError(400, "RequestThrottled"), "AWS_UNAVAILABLE", true],
    ["whose key is throttled", jsonError(400, "KmsThrottled"), "AWS_UNAVAILABLE", true],
    ["that meets a broken service", jsonError(500, "InternalFailure"), "AWS_UNAVAILABLE", true],
    ["with credentials that ran out", jsonError(403, "ExpiredTokenException"), "AWS_UNAVAILABLE", true],
    ["that gets no answer", { lost: true }, "AWS_UNAVAILABLE", true],
    ["that is not allowed", jsonError(400, "AccessDeniedException"), "AWS_DENIED", false],
    ["with a status that says so", jsonError(403, "SomethingNew"), "AWS_DENIED", false],
    ["for something that is not there", jsonError(400, "QueueDoesNotExist"), "AWS_REFUSED", false],
  ];

  for (const [what, answer, code, retryable] of cases) {
    test(`${what} throws ${code}`, async () => {
      await using service = await startFakeService(() => answer);

      await assert.rejects(
        callAws("do it", () => hide(new SQSClient(service.config))),
        (error) => {
          assert.ok(error instanceof MigratorError);
          assert.match(error.message, /^cannot do it: /);
          assert.deepEqual([error.code, error.retryable], [code, retryable]);
          return true;
        },
      );
    });
  }

  test("to an address where nobody listens throws AWS_UNAVAILABLE", async () => {
    const service = await startFakeService(() => ({}));
    await service[Symbol.asyncDispose]();

    await assert.rejects(
      callAws("do it", () => hide(new SQSClient(service.config))),
      { code: "AWS_UNAVAILABLE" },
    );
  });

  test("without credentials throws AWS_DENIED", async () => {
    const credentials = () =>
      Promise.reject(Object.assign(new Error("none found"), { name: "CredentialsProviderError" }));
    const sqs = new SQSClient({ region: "eu-central-1", credentials });

    await assert.rejects(
      callAws("do it", () => hide(sqs)),
      { code: "AWS_DENIED" },
    );
  });

  test("tells nothing of a signature", async () => {
    const answer = {
      status: 403,
      headers: { "x-amzn-errortype": "SignatureDoesNotMatch" },
      body: '{"message":"the string to sign was AKIASECRET"}',
    };
    await using service = await startFakeService(() => answer);

    await assert.rejects(
      callAws("do it", () => hide(new SQSClient(service.config))),
      (error: Error) => !error.message.includes("AKIASECRET"),
    );
  });

  test("passes defects on as they are", async () => {
    const defect = new TypeError("undefined is not a function");

    await assert.rejects(
      callAws("do it", () => Promise.reject(defect)),
      (error) => error === defect,
    );
  });
});

function hide(sqs: SQSClient): Promise<unknown> {
  return sqs.send(
    new ChangeMessageVisibilityCommand({
      QueueUrl: "http://queue",
      ReceiptHandle: "r",
      VisibilityTimeout: 1,
    }),
  );
}
