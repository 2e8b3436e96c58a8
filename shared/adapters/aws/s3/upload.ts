import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { DeleteObjectCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { awsFailure } from "../calls/failure.ts";
import { PassingContent } from "./content.ts";
import { COPY_LIMITS, copyObject } from "./copy.ts";
import { STAGING_PREFIX } from "./names.ts";

const MIB = 1024 * 1024;

/** Content up to this size is sent in one request, and larger content in parts of it. */
const PART_BYTES = 8 * MIB;

/** Parts on their way at once; with them a writer holds about 40 MiB. */
const PARALLEL_PARTS = 2;

/** Where S3 keeps the hash of an artifact. */
export const HASH_METADATA = "sha256";

/**
 * Puts content of any size under a key, whole or not at all, with its hash. What the content's source throws is thrown as it
 * is, what S3 throws as {@link awsFailure} has it.
 */
export async function upload(
  s3: S3Client,
  bucket: string,
  key: string,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  copyLimits = COPY_LIMITS,
): Promise<{ bytes: number; sha256: string }> {
  const content = new PassingContent(source);
  try {
    const { head, ended } = await content.start(PART_BYTES);
    if (!ended) return await uploadStaged(s3, bucket, key, { head, content, copyLimits });
    const sha256 = content.digest();
    await s3.send(
      new PutObjectCommand({
        Bucket: bucket,
        Key: key,
        Body: Buffer.concat(head),
        ChecksumSHA256: Buffer.from(sha256, "hex").toString("base64"),
        Metadata: { [HASH_METADATA]: sha256 },
      }),
    );
    return { bytes: content.bytes, sha256 };
  } catch (error) {
    throw content.failure === undefined
      ? awsFailure(`write the object "${key}"`, error)
      : content.failure.error;
  } finally {
    await content.close();
  }
}

/**
 * Metadata cannot be added to an object, and the hash is only known at its end: so the content is put aside first and then
 * copied to its key together with its hash.
 */
async function uploadStaged(
  s3: S3Client,
  bucket: string,
  key: string,
  { head, content, copyLimits }: { head: Buffer[]; content: PassingContent; copyLimits: typeof COPY_LIMITS },
): Promise<{ bytes: number; sha256: string }> {
  const staged = { Bucket: bucket, Key: STAGING_PREFIX + randomUUID() };
  const draft = new Upload({
    client: s3,
    params: { ...staged, Body: Readable.from(joined(head, content.rest()), { highWaterMark: 1 }) },
    partSize: PART_BYTES,
    queueSize: PARALLEL_PARTS,
  });
  const { ETag: etag = "", VersionId } = await draft.done();
  const [sha256, bytes] = [content.digest(), content.bytes];
  try {
    const metadata = { [HASH_METADATA]: sha256 };
    await copyObject(s3, { bucket, key: staged.Key, etag, bytes }, { key, metadata }, copyLimits);
  } finally {
    // What cannot be removed now is removed by the bucket's lifecycle rule.
    await s3.send(new DeleteObjectCommand({ ...staged, VersionId })).catch(() => undefined);
  }
  return { bytes, sha256 };
}

/** All of both, letting go of each buffer as it is passed on. */
async function* joined(head: Buffer[], rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  while (head.length > 0) yield* head.splice(0, 1);
  yield* rest;
}
