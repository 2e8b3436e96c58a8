import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { GetObjectCommand, HeadObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { callAws } from "./failure.ts";
import { type ServiceAnswer, startFakeService } from "./testing/fake-service.ts";
import { timeOuts } from "./time-outs.ts";

const ROOT = join(import.meta.dirname, "../../../..");
const OBJECT = { Bucket: "bucket", Key: "key" };

describe("a client with time-outs", () => {
  test("gives up a request that is not answered, and repeats it", async () => {
    await using service = await startFakeService((): ServiceAnswer => "silence");
    const s3 = clientOf(service.config);
    await assert.rejects(
      callAws("look", () => s3.send(new HeadObjectCommand(OBJECT))),
      { code: "AWS_UNAVAILABLE", retryable: true },
    );
    assert.equal(service.requests.length, 2);
  });

  test("gives up an answer that stops in the middle", async () => {
    const headers = { "content-length": "1000" };
    await using service = await startFakeService((): ServiceAnswer => ({
      stopped: true,
      headers,
      body: "half",
    }));
    const s3 = clientOf(service.config);
    const { Body } = await s3.send(new GetObjectCommand(OBJECT));
    await assert.rejects(
      callAws("read", async () => Body?.transformToByteArray()),
      { code: "AWS_UNAVAILABLE", retryable: true },
    );
  });
});

test("every client of AWS has time-outs", () => {
  const files = globSync("{functions,cli,shared}/**/*.ts", { cwd: ROOT }).filter(
    (file) => !/\.test\.ts$|\/testing\//.test(file),
  );
  const made = files.flatMap((file) =>
    Array.from(
      readFileSync(join(ROOT, file), "utf8").matchAll(
        /(?:new (?:CloudFormation|DynamoDB|EventBridge|S3|SQS|Scheduler|SecretsManager)Client|fromTemporaryCredentials)\((.*)/g,
      ),
      ([call]) => `${file}: ${call}`,
    ),
  );
  assert.ok(made.length > 8, made.join("\n"));
  assert.deepEqual(
    made.filter((call) => !/TIME_OUTS|\(settings\)|\.\.\.settings|Credentials\(\{$/.test(call)),
    [],
  );
});

function clientOf(config: { endpoint: string }): S3Client {
  return new S3Client({ ...config, forcePathStyle: true, requestHandler: timeOuts(100) });
}
