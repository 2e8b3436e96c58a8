import { text } from "node:stream/consumers";
import { Pool } from "undici";
import { NATIVE_KINDS, type NativeKind } from "../../../shared/calico/native/native-kinds.ts";
import { toNative } from "../../../shared/calico/native/to-native.ts";
import { parseExactJson } from "../../../shared/exact-json.ts";
import { isJsonObject, type JsonObject } from "../../../shared/json.ts";
import { objectsAt, textAt } from "../../../shared/kubernetes/fields.ts";
import { resourcePath } from "../../../shared/kubernetes/paths.ts";
import { SECOND_VERSION } from "../../../shared/kubernetes/second-version.ts";
import { type Contender, openClient, type Server, widthOf } from "../ceiling/clients.ts";
import type { Write } from "../ceiling/writes.ts";
import type { ClientTime, NativeCeilingJob } from "./ceiling.ts";

// The process of the bare loop: reads a job from standard input, and writes what it took to standard output.

const PAGE = 500;
const RANKS = [1, 2, 3];

async function work({ server, contenders }: NativeCeilingJob): Promise<ClientTime[]> {
  const reader = new Pool(server.origin, { connections: 1, connect: { ca: server.ca } });
  const writers = contenders.map((contender) => new Writer(contender, server));
  try {
    for (const rank of RANKS) {
      const kinds = NATIVE_KINDS.filter((kind) => kind.rank === rank);
      for (const [turn, writer] of writers.entries()) {
        await writer.write(shareOf(pagesOf(kinds, reader, server), turn, writers.length));
      }
    }
    return writers.map(({ time }) => time);
  } finally {
    await Promise.all([reader.destroy(), ...writers.map((writer) => writer.close())]);
  }
}

async function* shareOf<T>(pages: AsyncGenerator<T>, turn: number, turns: number): AsyncGenerator<T> {
  let index = 0;
  for await (const page of pages) if (index++ % turns === turn) yield page;
}

async function* pagesOf(
  kinds: readonly NativeKind[],
  reader: Pool,
  { token }: Server,
): AsyncGenerator<Write[]> {
  const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
  for (const { v1Plural } of kinds) {
    for (let next: string | undefined = ""; next !== undefined;) {
      const query = { limit: PAGE, continue: next };
      const path = `/apis/crd.projectcalico.org/v1/${v1Plural}`;
      const answer = await reader.request({ method: "GET", path, headers, query });
      const list = parseExactJson(await answer.body.text());
      if (answer.statusCode !== 200 || !isJsonObject(list)) throw new Error(`${path}: ${answer.statusCode}`);
      yield objectsAt(list, "items").map(writeOf);
      next = textAt(list, "metadata", "continue") || undefined;
    }
  }
}

function writeOf(v1: JsonObject): Write {
  const native = toNative(v1);
  if (native.outcome === "broken") throw new Error(native.reason);
  const apiVersion = `projectcalico.org/${SECOND_VERSION}`;
  const { name: _name, ...collection } = native.target;
  return {
    method: "POST",
    path: resourcePath({ ...collection, apiVersion }),
    contentType: "application/json",
    body: { ...native.object, apiVersion },
  };
}

/** One of the clients, and what it has written. */
class Writer {
  readonly time: ClientTime;
  readonly #client: ReturnType<typeof openClient>;

  constructor(contender: Contender, server: Server) {
    this.time = { contender, writes: 0, ms: 0 };
    this.#client = openClient(contender, server);
  }

  async write(pages: AsyncGenerator<Write[]>): Promise<void> {
    const startedAt = performance.now();
    const ahead = new Ahead(pages);
    const worker = async (): Promise<void> => {
      for (let next = await ahead.next(); next !== undefined; next = await ahead.next()) {
        await this.#client.send(next);
        this.time.writes++;
      }
    };
    await Promise.all(Array.from({ length: widthOf(this.time.contender) }, worker));
    this.time.ms += performance.now() - startedAt;
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}

/** Gives single writes out of pages, and reads one page ahead. */
class Ahead {
  readonly #pages: AsyncGenerator<Write[]>;
  #page: readonly Write[] = [];
  #index = 0;
  #coming: Promise<IteratorResult<Write[]>>;

  constructor(pages: AsyncGenerator<Write[]>) {
    this.#pages = pages;
    this.#coming = pages.next();
  }

  async next(): Promise<Write | undefined> {
    for (;;) {
      if (this.#index < this.#page.length) return this.#page[this.#index++];
      const coming = this.#coming;
      const page = await coming;
      if (page.done === true) return undefined;
      // Of all that wait for it, the first one turns the page.
      if (coming === this.#coming) this.#turnTo(page.value);
    }
  }

  #turnTo(page: readonly Write[]): void {
    this.#page = page;
    this.#index = 0;
    this.#coming = this.#pages.next();
  }
}

const job = JSON.parse(await text(process.stdin)) as NativeCeilingJob;
const startedAt = performance.now();
const clients = await work(job);
process.stdout.write(JSON.stringify({ clients, ms: performance.now() - startedAt }));
