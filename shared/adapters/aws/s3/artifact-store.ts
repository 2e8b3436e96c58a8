import { createHash } from "node:crypto";
import { HeadObjectCommand, paginateListObjectsV2, type S3Client } from "@aws-sdk/client-s3";
import { ArtifactCorruptError, ArtifactNotFoundError } from "../../../engine/errors.ts";
import type { Artifact, ArtifactStore } from "../../../engine/ports.ts";
import { callAws, statusOf } from "../calls/failure.ts";
import { COPY_LIMITS } from "./copy.ts";
import { download, type ObjectVersion } from "./download.ts";
import { keyOf, STAGING_PREFIX } from "./names.ts";
import { HASH_METADATA, upload } from "./upload.ts";

/** How much a reader holds. */
const RANGE_BYTES = 4 * 1024 * 1024;

/** Objects of a listing that are looked at at once. */
const PARALLEL_HEADS = 16;

/** Sizes that tests make smaller. */
interface S3Limits {
  rangeBytes: number;
  copy: typeof COPY_LIMITS;
}

/**
 * Artifacts in a bucket, each under `prefix + name`, with its hash as metadata. Objects without that hash are none of
 * ours and are not seen. Throws AWS_UNAVAILABLE, AWS_DENIED and AWS_REFUSED, and ARTIFACT_NAME_INVALID.
 */
export class S3ArtifactStore implements ArtifactStore {
  readonly #s3: S3Client;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #limits: S3Limits;

  constructor(parts: { s3: S3Client; bucket: string; prefix?: string; limits?: S3Limits }) {
    this.#s3 = parts.s3;
    this.#bucket = parts.bucket;
    this.#prefix = parts.prefix ?? "";
    this.#limits = parts.limits ?? { rangeBytes: RANGE_BYTES, copy: COPY_LIMITS };
  }

  async write(name: string, content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Artifact> {
    const key = keyOf(this.#prefix, name);
    return { name, ...(await upload(this.#s3, this.#bucket, key, content, this.#limits.copy)) };
  }

  async *read(name: string): AsyncGenerator<Uint8Array> {
    const key = keyOf(this.#prefix, name);
    const found = await this.#head(key);
    if (found === undefined) throw new ArtifactNotFoundError(name);
    const object = { bucket: this.#bucket, key, name };
    const hash = createHash("sha256");
    const content = download(this.#s3, object, found, this.#limits.rangeBytes);
    for (;;) {
      const { value: piece } = await callAws(`read the artifact "${name}"`, () => content.next());
      if (piece === undefined) break;
      hash.update(piece);
      yield piece;
    }
    if (hash.digest("hex") !== found.sha256) throw new ArtifactCorruptError(name);
  }

  async find(name: string): Promise<Artifact | undefined> {
    return this.#find(keyOf(this.#prefix, name));
  }

  async list(prefix: string): Promise<Artifact[]> {
    const keys = await callAws(`list the artifacts "${prefix}..."`, () => this.#keys(prefix));
    const artifacts: Artifact[] = [];
    for (let first = 0; first < keys.length; first += PARALLEL_HEADS) {
      const group = keys.slice(first, first + PARALLEL_HEADS);
      const found = await Promise.all(group.map((key) => this.#find(key)));
      artifacts.push(...found.filter((artifact) => artifact !== undefined));
    }
    return artifacts;
  }

  /** In code-unit order; S3 goes by the bytes of UTF-8, which is another one. */
  async #keys(prefix: string): Promise<string[]> {
    const keys: string[] = [];
    const query = { Bucket: this.#bucket, Prefix: this.#prefix + prefix };
    for await (const { Contents = [] } of paginateListObjectsV2({ client: this.#s3 }, query)) {
      keys.push(...Contents.flatMap(({ Key }) => Key ?? []).filter((key) => !key.startsWith(STAGING_PREFIX)));
    }
    return keys.sort();
  }

  async #find(key: string): Promise<Artifact | undefined> {
    const found = await this.#head(key);
    return found && { name: key.slice(this.#prefix.length), bytes: found.bytes, sha256: found.sha256 };
  }

  async #head(key: string): Promise<(ObjectVersion & { sha256: string }) | undefined> {
    const head = await callAws(`look for the object "${key}"`, async () => {
      try {
        return await this.#s3.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: key }));
      } catch (error) {
        if (statusOf(error) === 404) return undefined;
        throw error;
      }
    });
    const sha256 = head?.Metadata?.[HASH_METADATA];
    if (head === undefined || sha256 === undefined) return undefined;
    const { ContentLength: bytes = 0, ETag: etag = "", VersionId: versionId } = head;
    return { sha256, bytes, etag, ...(versionId !== undefined && { versionId }) };
  }
}
