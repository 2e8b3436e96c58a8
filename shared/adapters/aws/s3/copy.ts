import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  type CompletedPart,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  type S3Client,
  UploadPartCopyCommand,
} from "@aws-sdk/client-s3";

const MIB = 1024 * 1024;

/** How much one request copies, and how many such requests are under way at once. S3 copies up to 5 GiB at once, parts in parallel faster. */
export const COPY_LIMITS = { singleBytes: 1024 * MIB, partBytes: 512 * MIB, parallel: 4 };

/** An object to copy within its bucket, as it was when it had this ETag. */
interface CopySource {
  bucket: string;
  key: string;
  etag: string;
  bytes: number;
}

interface CopyTarget {
  key: string;
  metadata: Record<string, string>;
}

/** Copies an object of any size under another key, with new metadata; the copy is there whole or not at all. */
export async function copyObject(
  s3: S3Client,
  source: CopySource,
  target: CopyTarget,
  limits = COPY_LIMITS,
): Promise<void> {
  if (source.bytes > limits.singleBytes) {
    await copyInParts(s3, source, target, limits);
    return;
  }
  await s3.send(
    new CopyObjectCommand({
      Bucket: source.bucket,
      Key: target.key,
      Metadata: target.metadata,
      MetadataDirective: "REPLACE",
      ...from(source),
    }),
  );
}

async function copyInParts(
  s3: S3Client,
  source: CopySource,
  { key, metadata }: CopyTarget,
  { partBytes, parallel }: typeof COPY_LIMITS,
): Promise<void> {
  const object = { Bucket: source.bucket, Key: key };
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ ...object, Metadata: metadata }));
  const upload = { ...object, UploadId };
  try {
    const parts: CompletedPart[] = [];
    const count = Math.ceil(source.bytes / partBytes);
    while (parts.length < count) {
      const numbers = Array.from(
        { length: Math.min(parallel, count - parts.length) },
        (_, i) => parts.length + i,
      );
      parts.push(
        ...(await Promise.all(numbers.map((number) => copyPart(s3, source, upload, number, partBytes)))),
      );
    }
    await s3.send(new CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts: parts } }));
  } catch (error) {
    // The first error tells what is wrong; the bucket's lifecycle rule removes what stays.
    await s3.send(new AbortMultipartUploadCommand(upload)).catch(() => undefined);
    throw error;
  }
}

/** Copies part `number`, counted from 0. */
async function copyPart(
  s3: S3Client,
  source: CopySource,
  upload: { Bucket: string; Key: string; UploadId: string | undefined },
  number: number,
  partBytes: number,
): Promise<CompletedPart> {
  const first = number * partBytes;
  const last = Math.min(source.bytes, first + partBytes) - 1;
  const { CopyPartResult } = await s3.send(
    new UploadPartCopyCommand({
      ...upload,
      PartNumber: number + 1,
      CopySourceRange: `bytes=${first}-${last}`,
      ...from(source),
    }),
  );
  // What the bucket adds as checksums of parts has to be told back.
  const { LastModified: _, ...checks } = CopyPartResult ?? {};
  return { ...checks, PartNumber: number + 1 };
}

function from({ bucket, key, etag }: CopySource): { CopySource: string; CopySourceIfMatch: string } {
  return { CopySource: `${bucket}/${key}`, CopySourceIfMatch: etag };
}
