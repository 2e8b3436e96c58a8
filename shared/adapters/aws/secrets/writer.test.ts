import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { ClusterSecret } from "./cluster-secret.ts";
import { readClusterSecret } from "./reader.ts";
import { FakeSecretsManager } from "./testing/fake-secrets-manager.ts";
import { secretWithToken } from "./testing/secrets.ts";
import { deleteClusterSecret, putClusterSecret } from "./writer.ts";

const prefix = "calico-migrator/clusters/";

function writerOf(fake: FakeSecretsManager, name = "prod") {
  const ref = { secrets: fake.client, prefix, name };
  return {
    put: (secret: ClusterSecret, kmsKeyId?: string) => putClusterSecret({ ...ref, secret, kmsKeyId }),
    remove: () => deleteClusterSecret(ref),
    read: () => readClusterSecret(fake.client, prefix + name),
  };
}

describe("the secrets of clusters", () => {
  it("are created with the key and the tag, and get new versions", async (t) => {
    const fake = await FakeSecretsManager.start(t);
    const { put, read } = writerOf(fake);
    const first = await put(secretWithToken("one"), "alias/key");
    assert.equal(fake.calls[0]?.input.KmsKeyId, "alias/key");
    assert.deepEqual(fake.secrets.get(`${prefix}prod`)?.tags, { "calico-migrator:cluster": "prod" });
    const second = await put(secretWithToken("two"));
    assert.equal(second.arn, first.arn);
    assert.notEqual(second.versionId, first.versionId);
    assert.deepEqual(await read(), { versionId: second.versionId, secret: secretWithToken("two") });
  });

  it("are deleted with time to think, and come back when they are put again", async (t) => {
    const fake = await FakeSecretsManager.start(t);
    const { put, remove, read } = writerOf(fake);
    await put(secretWithToken("one"));
    await remove();
    assert.equal(fake.calls.at(-1)?.input.RecoveryWindowInDays, 7);
    await assert.rejects(read, { code: "CLUSTER_SECRET_NOT_FOUND" });
    await remove();
    await put(secretWithToken("two"));
    assert.deepEqual((await read()).secret, secretWithToken("two"));
  });

  it("need not exist to be deleted", async (t) => {
    await writerOf(await FakeSecretsManager.start(t)).remove();
  });

  it("are not written when they cannot be used", async (t) => {
    const fake = await FakeSecretsManager.start(t);
    const { put } = writerOf(fake);
    await assert.rejects(put({ version: 1, kubeconfig: "{}" }), { code: "CLUSTER_SECRET_INVALID" });
    const large = {
      ...secretWithToken("t"),
      etcd: { endpoints: ["https://e:1"], serverName: "x".repeat(70_000) },
    };
    await assert.rejects(put(large), { code: "CLUSTER_SECRET_TOO_LARGE" });
    await assert.rejects(writerOf(fake, "arn:aws:eks").put(secretWithToken("t")), {
      code: "CLUSTER_NAME_INVALID",
    });
    assert.deepEqual(fake.calls, []);
  });

  const answers: [type: string, status: number, message: string, code: string, retryable: boolean][] = [
    ["ResourceNotFoundException", 400, "can't find it", "CLUSTER_SECRET_NOT_FOUND", false],
    ["InvalidRequestException", 400, "it was marked for deletion.", "CLUSTER_SECRET_NOT_FOUND", false],
    ["AccessDeniedException", 400, "not authorized", "CLUSTER_SECRET_DENIED", false],
    ["DecryptionFailure", 400, "KMS said no", "CLUSTER_SECRET_DENIED", false],
    ["ThrottlingException", 400, "slow down", "CLUSTER_SECRET_UNREACHABLE", true],
    ["InternalServiceError", 500, "oops", "CLUSTER_SECRET_UNREACHABLE", true],
  ];
  for (const [type, status, message, code, retryable] of answers) {
    it(`${type} (${message}) is ${code}`, async (t) => {
      const fake = await FakeSecretsManager.start(t);
      fake.failure = { status, type, message };
      const { read, put } = writerOf(fake);
      await assert.rejects(read, {
        code,
        retryable,
        details: { secret: `${prefix}prod`, ...reason(code, type) },
      });
      if (code !== "CLUSTER_SECRET_NOT_FOUND")
        await assert.rejects(put(secretWithToken("t")), { code, retryable });
    });
  }

  it("are unreachable when nothing answers", async (t) => {
    const fake = await FakeSecretsManager.start(t);
    fake.client.config.endpoint = () =>
      Promise.resolve({ protocol: "http:", hostname: "127.0.0.1", port: 1, path: "/" });
    await assert.rejects(writerOf(fake).read, { code: "CLUSTER_SECRET_UNREACHABLE", retryable: true });
  });
});

function reason(code: string, type: string): object {
  return code === "CLUSTER_SECRET_NOT_FOUND" ? {} : { reason: type };
}
