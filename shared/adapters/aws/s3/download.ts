import { GetObjectCommand, type S3Client } from "@aws-sdk/client-s3";
import { MigratorError } from "../../../errors.ts";
import { statusOf } from "../calls/failure.ts";

/** An object as it was when it had this ETag, and this version if its bucket has versions. */
export interface ObjectVersion {
  bytes: number;
  etag: string;
  versionId?: string;
}

/** Says that an object is no longer what it was when reading began. */
const GONE = new Set([404, 412, 416]);

/**
 * The content of one version of an object in pieces of `rangeBytes`, each got by its own request: a reader that takes its
 * time holds no connection open. Needs s3:GetObjectVersion in a bucket with versions. Throws ARTIFACT_REPLACED when that version cannot be had any more.
 */
export async function* download(
  s3: S3Client,
  object: { bucket: string; key: string; name: string },
  version: ObjectVersion,
  rangeBytes: number,
): AsyncGenerator<Uint8Array, void> {
  for (let first = 0; first < version.bytes; first += rangeBytes) {
    const last = Math.min(version.bytes, first + rangeBytes) - 1;
    try {
      yield await getRange(s3, object, version, [first, last]);
    } catch (error) {
      if (GONE.has(statusOf(error) ?? 0)) throw replaced(object.name, error);
      throw error;
    }
  }
}

/** The SDK repeats requests that fail, but not those whose answer breaks off. */
async function getRange(
  s3: S3Client,
  { bucket, key }: { bucket: string; key: string },
  { etag, versionId }: ObjectVersion,
  [first, last]: readonly [number, number],
): Promise<Uint8Array> {
  for (let attempt = 1; ; attempt += 1) {
    const { Body } = await s3.send(
      new GetObjectCommand({
        Bucket: bucket,
        Key: key,
        VersionId: versionId,
        IfMatch: etag,
        Range: `bytes=${first}-${last}`,
      }),
    );
    try {
      return (await Body?.transformToByteArray()) ?? new Uint8Array();
    } catch (error) {
      if (attempt === 3) throw error;
    }
  }
}

function replaced(name: string, cause: unknown): MigratorError {
  return new MigratorError(
    "ARTIFACT_REPLACED",
    `the artifact "${name}" was replaced while it was being read`,
    {
      next: "Nothing: it is read again. A bucket with versions, as the stack makes it, keeps the old one readable.",
      retryable: true,
      cause,
    },
  );
}
