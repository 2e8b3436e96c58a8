import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { describe, test } from "node:test";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { S3Client } from "@aws-sdk/client-s3";
import { ChangeMessageVisibilityCommand, SQSClient } from "@aws-sdk/client-sqs";
import { DynamoDBDocumentClient } from "@aws-sdk/lib-dynamodb";
import { callAws } from "./calls/failure.ts";
import { jsonError, type ServiceAnswer, startFakeService } from "./calls/testing/fake-service.ts";
import { ensureFits } from "./dynamodb/record-size.ts";
import { openDynamoDbClusters } from "./dynamodb/index.ts";
import { S3ArtifactStore } from "./s3/artifact-store.ts";
import { COPY_LIMITS } from "./s3/copy.ts";
import { keyOf } from "./s3/names.ts";
import { EksTokens } from "./secrets/eks-tokens.ts";
import { type ClusterSecret, parseClusterSecret } from "./secrets/cluster-secret.ts";
import { readClusterSecret } from "./secrets/reader.ts";
import { FakeSecretsManager } from "./secrets/testing/fake-secrets-manager.ts";
import { secretWithToken } from "./secrets/testing/secrets.ts";
import { putClusterSecret } from "./secrets/writer.ts";
import { advice } from "../../testing/advice/refused.ts";

const OK: ServiceAnswer = { body: "{}" };

/** The same of a call that may also throw at once. */
function adviceOf(asked: () => unknown, code: string): Promise<string> {
  return advice(Promise.resolve().then(asked), code);
}

describe("a call of AWS that fails", () => {
  const cases: [code: string, cause: string, next: RegExp, answer: ServiceAnswer][] = [
    [
      "AWS_UNAVAILABLE",
      "the service is well",
      /^Nothing at first: it is tried again/,
      jsonError(500, "InternalFailure"),
    ],
    [
      "AWS_DENIED",
      "it is permitted",
      /^Give the role or the user in use this permission/,
      jsonError(400, "AccessDeniedException"),
    ],
    [
      "AWS_REFUSED",
      "the stack is deployed as it should be",
      /^Check that the stack is deployed/,
      jsonError(400, "QueueDoesNotExist"),
    ],
  ];
  for (const [code, cause, next, answer] of cases)
    test(`${code} is over once ${cause}`, async () => {
      const world = { answer };
      await using service = await startFakeService(() => world.answer);
      const sqs = new SQSClient(service.config);
      const command = { QueueUrl: service.config.endpoint, ReceiptHandle: "r", VisibilityTimeout: 1 };
      const call = () => callAws("do it", () => sqs.send(new ChangeMessageVisibilityCommand(command)));
      assert.match(await adviceOf(call, code), next);
      world.answer = OK;
      await call();
    });
});

describe("a table that fails", () => {
  const cases: [code: string, cause: string, next: RegExp, answer: ServiceAnswer][] = [
    [
      "STORE_BUSY",
      "it is throttled no more",
      /^Nothing: it is tried again/,
      jsonError(400, "ThrottlingException"),
    ],
    [
      "STORE_UNREACHABLE",
      "DynamoDB answers",
      /^Nothing: it is tried again/,
      jsonError(500, "InternalServerError"),
    ],
    [
      "STORE_NOT_FOUND",
      "the stack is deployed",
      /deploy the stack where it is missing/,
      jsonError(400, "ResourceNotFoundException"),
    ],
    [
      "STORE_DENIED",
      "it is permitted",
      /^Give them that permission/,
      jsonError(400, "AccessDeniedException"),
    ],
  ];
  for (const [code, cause, next, answer] of cases)
    test(`${code} is over once ${cause}`, async () => {
      const world = { answer };
      await using service = await startFakeService(() => world.answer);
      const client = DynamoDBDocumentClient.from(new DynamoDBClient({ ...service.config, maxAttempts: 1 }));
      const retry = { attempts: 1, requests: 2, baseMs: 1, maxMs: 2 };
      const clusters = openDynamoDbClusters({ client, tableName: "runs", retry });
      assert.match(await adviceOf(() => clusters.get("east"), code), next);
      world.answer = OK;
      assert.equal(await clusters.get("east"), undefined);
    });

  test("RECORD_TOO_LARGE is over once what it records is smaller", async () => {
    const fits = (length: number) => {
      ensureFits({ runId: "r1", record: "stage" }, { pk: "p", sk: "s", a: "x".repeat(length) });
    };
    const next = await adviceOf(() => {
      fits(400_000);
    }, "RECORD_TOO_LARGE");
    assert.match(next, /^Make what it records smaller, .* or use the embedded store/);
    fits(300_000);
  });
});

describe("an artifact in a bucket", () => {
  test("ARTIFACT_REPLACED is over once it is read again", async () => {
    const content = Buffer.from("the new one");
    const headers = {
      ...{ "content-length": String(content.length), etag: '"e2"', "x-amz-version-id": "v2" },
      "x-amz-meta-sha256": createHash("sha256").update(content).digest("hex"),
    };
    let isReplaced = true;
    await using service = await startFakeService(({ method }) => {
      if (method === "HEAD") return { headers };
      return isReplaced
        ? { status: 412, body: "<Error><Code>PreconditionFailed</Code></Error>" }
        : { status: 206, body: content };
    });
    const s3 = new S3Client({ ...service.config, forcePathStyle: true });
    const limits = { rangeBytes: 400, copy: COPY_LIMITS };
    const store = new S3ArtifactStore({ s3, bucket: "bucket", prefix: "p/", limits });
    const read = () => Array.fromAsync(store.read("backup"));
    assert.match(await adviceOf(read, "ARTIFACT_REPLACED"), /^Nothing: it is read again/);
    isReplaced = false;
    assert.ok(Buffer.concat(await read()).equals(content));
  });

  test("ARTIFACT_NAME_INVALID is over with another name", async () => {
    assert.equal(await adviceOf(() => keyOf("p/", "a//b"), "ARTIFACT_NAME_INVALID"), "Choose another name.");
    assert.equal(keyOf("p/", "a/b"), "p/a/b");
  });
});

describe("the secret of a cluster", () => {
  const SECRET = secretWithToken("t");

  async function bed(t: Parameters<typeof FakeSecretsManager.start>[0]) {
    const fake = await FakeSecretsManager.start(t);
    const put = (secret: ClusterSecret, name = "prod") =>
      putClusterSecret({ secrets: fake.client, prefix: "c/", name, secret });
    return { fake, put, read: () => readClusterSecret(fake.client, "c/prod") };
  }

  test("CLUSTER_SECRET_NOT_FOUND is over once the cluster is added", async (t) => {
    const { put, read } = await bed(t);
    assert.match(
      await adviceOf(read, "CLUSTER_SECRET_NOT_FOUND"),
      /`calico-migrator clusters add NAME --aws`/,
    );
    await put(SECRET);
    assert.deepEqual((await read()).secret, SECRET);
  });

  for (const [code, type, next] of [
    [
      "CLUSTER_SECRET_DENIED",
      "AccessDeniedException",
      /^Allow this identity to use the secret and its KMS key/,
    ],
    [
      "CLUSTER_SECRET_UNREACHABLE",
      "InternalServiceError",
      /^Wait; if it goes on, check the way to Secrets Manager/,
    ],
  ] as const)
    test(`${code} is over once that is so`, async (t) => {
      const { fake, put, read } = await bed(t);
      await put(SECRET);
      fake.failure = { status: type === "AccessDeniedException" ? 400 : 500, type, message: "no" };
      assert.match(await adviceOf(read, code), next);
      fake.failure = undefined;
      assert.deepEqual((await read()).secret, SECRET);
    });

  test("CLUSTER_SECRET_INVALID is over once it is written again", async (t) => {
    const next = await adviceOf(() => parseClusterSecret("c/prod", "{}"), "CLUSTER_SECRET_INVALID");
    assert.match(
      next,
      /`calico-migrator clusters add NAME --replace --aws` and the options that it was added with/,
    );
    const { put, read } = await bed(t);
    const none = await adviceOf(() => put({ version: 1, kubeconfig: "{}" }), "CLUSTER_SECRET_INVALID");
    assert.notEqual(none, "", "that of its cause");
    await put(SECRET);
    await put(SECRET);
    assert.deepEqual((await read()).secret, SECRET);
  });

  test("CLUSTER_SECRET_TOO_LARGE and CLUSTER_NAME_INVALID are over with less, and with another name", async (t) => {
    const { put } = await bed(t);
    const large = { ...SECRET, etcd: { endpoints: ["https://e:1"], serverName: "x".repeat(70_000) } };
    assert.match(
      await adviceOf(() => put(large), "CLUSTER_SECRET_TOO_LARGE"),
      /^Leave out the certificates of authorities/,
    );
    const next = await adviceOf(() => put(SECRET, "arn:aws:eks"), "CLUSTER_NAME_INVALID");
    assert.equal(next, "Choose a name of letters, digits and / _ + = . @ - only, at most 256 of them.");
    await put(SECRET, "a/b_c+d=e.f@g-1");
  });

  test("EKS_CREDENTIALS is over once there are credentials, or the role can be assumed", async () => {
    const cluster = {
      clusterName: "prod",
      region: "eu-west-1",
      endpoint: "https://e",
      certificateAuthorityData: "x",
    };
    const roleArn = "arn:aws:iam::123456789012:role/calico";
    const cases = [
      [cluster, "Give this process AWS credentials."],
      [
        { ...cluster, roleArn },
        "Let the role trust this identity, and allow this identity sts:AssumeRole on it.",
      ],
    ] as const;
    for (const [of, wanted] of cases) {
      const world = { denied: true };
      const credentials = () =>
        world.denied
          ? Promise.reject(new Error("no way"))
          : Promise.resolve({ accessKeyId: "k", secretAccessKey: "s" });
      const tokens = new EksTokens(credentials, { now: () => 0 });
      const token = () => tokens.token(of, { renew: false });
      assert.equal(await adviceOf(token, "EKS_CREDENTIALS"), wanted);
      world.denied = false;
      assert.match(await token(), /^k8s-aws-v1\./);
    }
  });
});
