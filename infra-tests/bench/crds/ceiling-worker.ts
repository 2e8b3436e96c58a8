import { text } from "node:stream/consumers";
import { Pool } from "undici";
import { NATIVE_KINDS, type NativeKind } from "../../../shared/calico/native/native-kinds.ts";
import { toNative } from "../../../shared/calico/native/to-native.ts";
import { parseExactJson } from "../../../shared/exact-json.ts";
import { isJsonObject, type JsonObject } from "../../../shared/json.ts";
import { objectsAt, textAt } from "../../../shared/kubernetes/fields.ts";
import { resourcePath } from "../../../shared/kubernetes/paths.ts";
import { SECOND_VERSION } from "../../../shared/kubernetes/second-version.ts";
import { openClient, type Server, WIDTH } from "../ceiling/clients.ts";
import type { Write } from "../ceiling/writes.ts";
import type { NativeCeilingJob, NativeCeilingTime } from "./ceiling.ts";

// The process of the bare loop: reads a job from standard input, and writes what it took to standard output.

const PAGE = 500;
const RANKS = [1, 2, 3];

async function work({ server }: NativeCeilingJob): Promise<NativeCeilingTime> {
  const reader = new Pool(server.origin, { connections: 1, connect: { ca: server.ca } });
  const client = openClient(server);
  const startedAt = performance.now();
  try {
    let writes = 0;
    for (const rank of RANKS) {
      const ahead = new Ahead(
        pagesOf(
          NATIVE_KINDS.filter((kind) => kind.rank === rank),
          reader,
          server,
        ),
      );
      const lane = async (): Promise<void> => {
        for (let next = await ahead.next(); next !== undefined; next = await ahead.next()) {
          await client.send(next);
          writes++;
        }
      };
      await Promise.all(Array.from({ length: WIDTH }, lane));
    }
    return { writes, ms: performance.now() - startedAt };
  } finally {
    await Promise.all([reader.destroy(), client.close()]);
  }
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
process.stdout.write(JSON.stringify(await work(job)));
