import { createHash } from "node:crypto";
import { promisify } from "node:util";
import { gunzip, gzip } from "node:zlib";
import { ArtifactCorruptError, ArtifactNotFoundError } from "../../engine/errors.ts";
import type { Artifact, ArtifactStore, Clock } from "../../engine/ports.ts";
import { ArtifactRows } from "./artifact-rows.ts";
import type { Database } from "./database.ts";

const compress = promisify(gzip);
const decompress = promisify(gunzip);

/** How many artifacts expire in one go: nobody waits long for that, and the next one goes on. */
const expiring = 100;

/** Plain bytes in a chunk: bounds what a reader or writer holds in memory. */
const chunkBytes = 256 * 1024;

/**
 * Artifacts in the store's file, as chunks that are compressed one by one. A writer adds them to a draft that nobody
 * sees, and makes it visible at the end. A reader that has begun goes on with what it began, even when it is replaced.
 */
export class EmbeddedArtifactStore implements ArtifactStore {
  readonly #database: Database;
  readonly #rows: ArtifactRows;

  constructor(database: Database, clock: Clock) {
    this.#database = database;
    this.#rows = new ArtifactRows(database, clock);
  }

  async write(name: string, content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<Artifact> {
    const draft = await this.#database.write(() => this.#rows.createDraft(name));
    try {
      const { bytes, sha256 } = await this.#fill(draft, content);
      await this.#database.write(() => {
        this.#rows.publish(draft, { name, bytes, sha256 });
      });
      return { name, bytes, sha256 };
    } catch (error) {
      // The first error tells what is wrong; what cannot be removed now is removed when the store is opened next.
      await this.#database
        .write(() => {
          this.#rows.remove(draft);
        })
        .catch(() => undefined);
      throw error;
    }
  }

  async *read(name: string): AsyncGenerator<Uint8Array> {
    const artifact = await this.#database.read(() => this.#rows.findVisible(name));
    if (artifact === undefined) throw new ArtifactNotFoundError(name);
    const hash = createHash("sha256");
    for (let chunk = 0; ; chunk += 1) {
      const content = await this.#database.read(() => this.#rows.getChunk(artifact.id, chunk));
      if (content === undefined) break;
      const plain = await decompress(content).catch(() => {
        throw new ArtifactCorruptError(name);
      });
      hash.update(plain);
      yield plain;
    }
    if (hash.digest("hex") !== artifact.sha256) throw new ArtifactCorruptError(name);
  }

  find(name: string): Promise<Artifact | undefined> {
    return this.#database.read(() => {
      const found = this.#rows.findVisible(name);
      return found && { name, bytes: found.bytes, sha256: found.sha256 };
    });
  }

  list(prefix: string): Promise<Artifact[]> {
    return this.#database.read(() => this.#rows.list(prefix));
  }

  /** Lets artifacts under a prefix go that were written before `before`; their content goes with what was replaced. */
  expire(prefix: string, before: number): Promise<void> {
    return this.#database.write(() => {
      this.#rows.retire(prefix, before, expiring);
    });
  }

  /** Removes what crashed writers left, and what was replaced long ago. */
  removeGarbage(): void {
    this.#database.writeNow(() => {
      this.#rows.removeGarbage();
    });
  }

  async #fill(
    draft: number,
    content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  ): Promise<{ bytes: number; sha256: string }> {
    const hash = createHash("sha256");
    let [bytes, chunk] = [0, 0];
    for await (const plain of inChunks(content)) {
      hash.update(plain);
      bytes += plain.length;
      const compressed = await compress(plain);
      const number = chunk;
      await this.#database.write(() => {
        this.#rows.addChunk(draft, number, compressed);
      });
      chunk += 1;
    }
    return { bytes, sha256: hash.digest("hex") };
  }
}

/** The same bytes in pieces of `chunkBytes`, the last one excepted. */
async function* inChunks(
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const chunk = new Uint8Array(chunkBytes);
  let filled = 0;
  for await (const piece of content) {
    for (let taken = 0; taken < piece.length;) {
      const part = piece.subarray(taken, taken + chunkBytes - filled);
      chunk.set(part, filled);
      [taken, filled] = [taken + part.length, filled + part.length];
      if (filled < chunkBytes) continue;
      yield chunk;
      filled = 0;
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}
