import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { S3Client } from "@aws-sdk/client-s3";
import { type FakeService, type ServiceAnswer, startFakeService } from "../calls/testing/fake-service.ts";
import { S3ArtifactStore } from "./artifact-store.ts";
import { COPY_LIMITS } from "./copy.ts";

const content = randomBytes(1_000);
const headers = {
  "content-length": "1000",
  etag: '"e1"',
  "x-amz-version-id": "v1",
  "x-amz-meta-sha256": createHash("sha256").update(content).digest("hex"),
};

describe("an artifact in a bucket", () => {
  test("is read in ranges of the version that was there at first", async () => {
    await using service = await startFakeService(({ method, headers: { range } }) =>
      method === "HEAD" ? { headers } : { status: 206, body: rangeOf(range) },
    );

    const read = await Array.fromAsync(storeOf(service).read("runs/r1/backup"));

    assert.ok(Buffer.concat(read).equals(content));
    const gets = service.requests.filter(({ method }) => method === "GET");
    assert.deepEqual(
      gets.map(({ headers: { range } }) => range),
      ["bytes=0-399", "bytes=400-799", "bytes=800-999"],
    );
    for (const { path, headers: sent } of gets) {
      assert.match(path, /^\/bucket\/p\/runs\/r1\/backup\?.*versionId=v1/);
      assert.equal(sent["if-match"], '"e1"');
    }
  });

  test("is got again where an answer broke off", async () => {
    let broken = 0;
    await using service = await startFakeService(({ method, headers: { range } }) => {
      if (method === "HEAD") return { headers };
      broken += 1;
      return broken === 2 ? { lost: true, body: rangeOf(range) } : { status: 206, body: rangeOf(range) };
    });

    const read = await Array.fromAsync(storeOf(service).read("backup"));

    assert.ok(Buffer.concat(read).equals(content));
    assert.equal(service.requests.length, 5);
  });

  test("whose answers always break off is unavailable", async () => {
    await using service = await startFakeService(({ method, headers: { range } }) =>
      method === "HEAD" ? { headers } : { lost: true, body: rangeOf(range) },
    );

    await assert.rejects(Array.fromAsync(storeOf(service).read("backup")), { code: "AWS_UNAVAILABLE" });
  });

  test("with other content than its hash is corrupt", async () => {
    await using service = await startFakeService(({ method, headers: { range } }) =>
      method === "HEAD" ? { headers } : { status: 206, body: rangeOf(range).fill(0) },
    );

    await assert.rejects(Array.fromAsync(storeOf(service).read("backup")), { code: "ARTIFACT_CORRUPT" });
  });

  for (const [status, name] of [
    [412, "PreconditionFailed"],
    [404, "NoSuchVersion"],
    [416, "InvalidRange"],
  ] as const) {
    test(`that was replaced meanwhile (${name}) has to be read again`, async () => {
      await using service = await startFakeService(({ method, headers: { range } }) => {
        if (method === "HEAD") return { headers };
        return range === "bytes=0-399" ? { status: 206, body: rangeOf(range) } : xmlError(status, name);
      });

      await assert.rejects(Array.fromAsync(storeOf(service).read("backup")), {
        code: "ARTIFACT_REPLACED",
        retryable: true,
      });
    });
  }

  test("is not found where the object has no hash of ours", async () => {
    const { "x-amz-meta-sha256": _, ...foreign } = headers;
    await using service = await startFakeService(() => ({ headers: foreign }));

    assert.equal(await storeOf(service).find("backup"), undefined);
  });

  test("cannot be asked for without permission: that is no absence", async () => {
    await using service = await startFakeService(() => ({ status: 403 }));

    await assert.rejects(storeOf(service).find("backup"), { code: "AWS_DENIED" });
  });
});

describe("a listing", () => {
  test("goes through all pages, by code units, without drafts and what is none of ours", async () => {
    const pages = [["p/\uffee", "p/foreign"], ["p/\u{1f600}"], ["staging/x"]];
    await using service = await startFakeService(({ method, path }) => {
      if (method === "HEAD") return path.includes("foreign") ? { status: 404 } : { headers };
      const page = Number(new URL(path, "http://s3").searchParams.get("continuation-token") ?? 0);
      const contents = pages[page]?.map((key) => `<Contents><Key>${key}</Key></Contents>`).join("") ?? "";
      const next = page < 2 ? `<NextContinuationToken>${page + 1}</NextContinuationToken>` : "";
      return { body: `<ListBucketResult>${contents}${next}</ListBucketResult>` };
    });

    const listed = await storeOf(service).list("");

    assert.deepEqual(
      listed.map(({ name, bytes }) => [name, bytes]),
      [
        ["\u{1f600}", 1_000],
        ["\uffee", 1_000],
      ],
    );
  });
});

describe("writing to a bucket", () => {
  test("repeats a request whose answer was lost, and lets S3 check the hash", async () => {
    let puts = 0;
    await using service = await startFakeService((): ServiceAnswer =>
      (puts += 1) === 1 ? { lost: true } : {},
    );

    const { sha256 } = await storeOf(service).write("backup", [content]);

    assert.deepEqual(
      service.requests.map(({ method, path, headers: sent }) => [
        method,
        path,
        sent["x-amz-meta-sha256"],
        sent["x-amz-checksum-sha256"],
      ]),
      Array.from({ length: 2 }, () => [
        "PUT",
        "/bucket/p/backup?x-id=PutObject",
        sha256,
        Buffer.from(sha256, "hex").toString("base64"),
      ]),
    );
  });

  test("tells a bucket that cannot be reached from content that breaks off", async () => {
    await using service = await startFakeService(() => xmlError(503, "SlowDown"));
    const broken = Object.assign(new Error("the source broke"), { code: "ECONNRESET" });
    const source = breaking(broken);

    await assert.rejects(storeOf(service).write("backup", [content]), { code: "AWS_UNAVAILABLE" });
    await assert.rejects(storeOf(service).write("backup", source), (error) => error === broken);
  });

  test("takes no more from its source than a few parts ahead of what S3 has", async () => {
    const service = await startFakeService(({ path }) =>
      path.includes("uploads") ? { body: "<R><UploadId>u1</UploadId></R>" } : "silence",
    );
    let taken = 0;
    function* source() {
      for (; taken < 200; taken += 1) yield Buffer.alloc(1024 * 1024);
    }

    const writing = assert.rejects(storeOf(service).write("backup", source()), { code: "AWS_UNAVAILABLE" });
    while (service.requests.length < 3) await setTimeout(20);
    await setTimeout(200);

    const takenMeanwhile = taken;
    await service[Symbol.asyncDispose]();
    await writing;

    assert.ok(takenMeanwhile >= 16 && takenMeanwhile < 32, `${takenMeanwhile} MiB`);
  });

  test("leaves no draft when its copy fails, and tells why", async () => {
    await using service = await startFakeService(({ method, path, headers: sent }) => {
      if (path.includes("uploads")) return { body: "<R><UploadId>u1</UploadId></R>" };
      if (sent["x-amz-copy-source"] !== undefined) return xmlError(403, "AccessDenied");
      if (method === "POST")
        return { body: '<R><ETag>"whole"</ETag></R>', headers: { "x-amz-version-id": "v7" } };
      return { headers: { etag: '"part"' } };
    });

    await assert.rejects(storeOf(service).write("backup", pieces(9)), { code: "AWS_DENIED" });

    const [copy, removal] = service.requests.slice(-2);
    assert.equal(copy?.headers["x-amz-copy-source-if-match"], '"whole"');
    assert.match(removal?.path ?? "", /^\/bucket\/staging\/[0-9a-f-]{36}\?.*versionId=v7/);
    assert.equal(removal?.method, "DELETE");
  });
});

function storeOf({ config }: FakeService): S3ArtifactStore {
  const s3 = new S3Client({ ...config, forcePathStyle: true });
  return new S3ArtifactStore({
    s3,
    bucket: "bucket",
    prefix: "p/",
    limits: { rangeBytes: 400, copy: COPY_LIMITS },
  });
}

function rangeOf(range: string | undefined): Buffer {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
  return Buffer.from(content.subarray(Number(first), Number(last) + 1));
}

function xmlError(status: number, code: string): ServiceAnswer {
  return { status, body: `<Error><Code>${code}</Code><Message>a ${code}</Message></Error>` };
}

function* pieces(mebibytes: number): Generator<Buffer> {
  for (let i = 0; i < mebibytes; i += 1) yield Buffer.alloc(1024 * 1024, i);
}

function* breaking(error: Error): Generator<Buffer> {
  yield Buffer.alloc(10);
  throw error;
}
