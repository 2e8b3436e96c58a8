import { createHash } from "node:crypto";

/** Size of the pieces that content is passed on in. */
const CHUNK_BYTES = 256 * 1024;

/** Content on its way: counted and hashed as it passes. Writers may use their buffers again: the bytes are copied. */
export class PassingContent {
  bytes = 0;
  /** What the content's source threw, to be told from what its receiver throws. */
  failure: { error: unknown } | undefined;
  readonly #hash = createHash("sha256");
  readonly #chunks: AsyncGenerator<Buffer, void>;

  constructor(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>) {
    this.#chunks = this.#pass(source);
  }

  /** The first bytes, at least `bytes` of them unless the content is shorter: then it has `ended`. */
  async start(bytes: number): Promise<{ head: Buffer[]; ended: boolean }> {
    const head: Buffer[] = [];
    for (let taken = 0; taken <= bytes;) {
      const { value: chunk } = await this.#chunks.next();
      if (chunk === undefined) return { head, ended: true };
      head.push(chunk);
      taken += chunk.length;
    }
    return { head, ended: false };
  }

  /** What `start` left. */
  rest(): AsyncGenerator<Buffer, void> {
    return this.#chunks;
  }

  /** Lets the source end, whether or not all was taken. */
  async close(): Promise<void> {
    await this.#chunks.return();
  }

  /** SHA-256 of all content, in hexadecimal; to be asked once, at the end. */
  digest(): string {
    return this.#hash.digest("hex");
  }

  async *#pass(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Buffer, void> {
    const chunks = inChunks(this.#heeded(source));
    for await (const chunk of chunks) {
      this.#hash.update(chunk);
      this.bytes += chunk.length;
      yield chunk;
    }
  }

  async *#heeded(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    try {
      for await (const piece of source) yield piece;
    } catch (error) {
      this.failure = { error };
      throw error;
    }
  }
}

/** The same bytes in new buffers of CHUNK_BYTES, the last one excepted. */
async function* inChunks(content: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void> {
  let [chunk, filled] = [Buffer.allocUnsafe(CHUNK_BYTES), 0];
  for await (const piece of content) {
    for (let taken = 0; taken < piece.length;) {
      const part = piece.subarray(taken, taken + CHUNK_BYTES - filled);
      chunk.set(part, filled);
      [taken, filled] = [taken + part.length, filled + part.length];
      if (filled < CHUNK_BYTES) continue;
      yield chunk;
      [chunk, filled] = [Buffer.allocUnsafe(CHUNK_BYTES), 0];
    }
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}
