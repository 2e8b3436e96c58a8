import { createHash, hash } from "node:crypto";
import { z } from "zod";
import { canonicalJson, isJsonObject, type JsonObject } from "../../../json.ts";
import { objectAt, textAt } from "../../../kubernetes/fields.ts";
import { readJsonLines } from "../../artifact-lines.ts";
import { backupPrefix } from "../../backup/parts.ts";
import { isOurs } from "../../target/ownership.ts";
import type { Context } from "../context.ts";
import { reads } from "../../target/reads.ts";

const OLD = "crd.projectcalico.org/v1";
const LISTED = 1000;

const Line = z.object({
  ref: z.object({ apiVersion: z.string(), plural: z.string() }),
  object: z.custom<JsonObject>(isJsonObject),
});

/** How the old group compares with its backup. */
export interface Comparison {
  /** Objects of the backup, and how many of them are as they were then. */
  objects: number;
  unchanged: number;
  /** SHA-256, hexadecimal, of all objects in the order of their keys, then and now: equal when nothing has changed at all. */
  before: string;
  after: string;
  /** What has changed since, by name, up to 1000 each: written by others, as the managed fields tell, or gone, or new. */
  changed: string[];
  deleted: string[];
  created: string[];
  /** What this run has written, which it never does: it owns nothing of the old group but the lock. */
  written: string[];
}

/**
 * Compares every object of the old group with the backup that was made before anything was changed. Both are read side by
 * side in the order of their keys, a page at a time. An object counts as changed when its content differs, whatever its
 * resourceVersion: locking and unlocking leaves ClusterInformation as it was.
 */
export async function compareWithBackup(context: Context): Promise<Comparison> {
  const result = new Comparing(context);
  const kept = byPlural(backedUp(context));
  for await (const { plural, lines } of kept) await result.compare(plural, lines);
  return result.end();
}

class Comparing {
  readonly #context: Context;
  readonly #before = createHash("sha256");
  readonly #after = createHash("sha256");
  readonly #result = { objects: 0, unchanged: 0 };
  readonly #lists = {
    changed: [] as string[],
    deleted: [] as string[],
    created: [] as string[],
    written: [] as string[],
  };

  constructor(context: Context) {
    this.#context = context;
  }

  /** Walks both sides of one resource, always on with the one that is behind. */
  async compare(plural: string, lines: AsyncIterator<JsonObject, void>): Promise<void> {
    const live = this.#live(plural);
    let [one, other] = [await next(lines), await next(live)];
    while (one !== undefined || other !== undefined) {
      const order = orderOf(one, other);
      this.#judge(plural, order <= 0 ? one : undefined, order >= 0 ? other : undefined);
      if (order <= 0) one = await next(lines);
      if (order >= 0) other = await next(live);
    }
  }

  end(): Comparison {
    const [before, after] = [this.#before.digest("hex"), this.#after.digest("hex")];
    return { ...this.#result, ...this.#lists, before, after };
  }

  #judge(plural: string, before: JsonObject | undefined, now: JsonObject | undefined): void {
    const was = before === undefined ? undefined : contentHash(before);
    const is = now === undefined ? undefined : contentHash(now);
    if (was !== undefined) this.#before.update(was);
    if (is !== undefined) this.#after.update(is);
    if (was !== undefined) this.#result.objects++;
    if (was !== undefined && was === is) this.#result.unchanged++;
    const name = `${plural}/${keyOf(before ?? now ?? {})}`;
    if (now === undefined) this.#note("deleted", name);
    else if (was === undefined) this.#note("created", name);
    else if (was !== is) this.#note(this.#isTrespass(plural, now) ? "written" : "changed", name);
  }

  /** The lock alone is this run's to write, and others may have written to the object since. */
  #isTrespass(plural: string, now: JsonObject): boolean {
    return plural !== "clusterinformations" && isOurs(this.#context, now);
  }

  #note(list: keyof Pick<Comparison, "changed" | "deleted" | "created" | "written">, name: string): void {
    if (this.#lists[list].length < LISTED) this.#lists[list].push(name);
  }

  /** A list that has to begin again shows what was seen before once more. */
  async *#live(plural: string): AsyncGenerator<JsonObject, void> {
    const { signal } = this.#context;
    let last = "";
    for await (const page of reads(this.#context).pages({ apiVersion: OLD, plural }, { signal }))
      for (const object of page) {
        if (keyOf(object) <= last) continue;
        last = keyOf(object);
        yield object;
      }
  }
}

async function next(objects: AsyncIterator<JsonObject, void>): Promise<JsonObject | undefined> {
  const { done, value } = await objects.next();
  return done === true ? undefined : value;
}

/** As the API server lists: by namespace and name. What has ended comes after everything. */
function orderOf(one: JsonObject | undefined, other: JsonObject | undefined): number {
  if (one === undefined) return 1;
  if (other === undefined) return -1;
  const [a, b] = [keyOf(one), keyOf(other)];
  return a === b ? 0 : a < b ? -1 : 1;
}

function keyOf(object: JsonObject): string {
  const namespace = textAt(object, "metadata", "namespace");
  const name = textAt(object, "metadata", "name");
  return namespace === "" ? name : `${namespace}/${name}`;
}

/** Of what people and programs have written, with the UID, so that an object created anew is another one. */
function contentHash(object: JsonObject): string {
  const { resourceVersion, generation, managedFields, ...metadata } = objectAt(object, "metadata");
  return hash("sha256", canonicalJson({ ...object, metadata }), "hex");
}

async function* backedUp({ artifacts, run }: Context): AsyncGenerator<z.infer<typeof Line>, void> {
  for (const { name } of await artifacts.list(backupPrefix(run.runId, "kubernetes")))
    for await (const line of readJsonLines(artifacts.read(name), Line))
      if (line.ref.apiVersion === OLD) yield line;
}

/** The same lines, resource by resource: each must be read to its end before the next one is asked for. */
async function* byPlural(
  lines: AsyncGenerator<z.infer<typeof Line>, void>,
): AsyncGenerator<{ plural: string; lines: AsyncGenerator<JsonObject, void> }, void> {
  let { value } = await lines.next();
  while (value !== undefined) {
    const { plural } = value.ref;
    yield { plural, lines: ofPlural() };

    async function* ofPlural(): AsyncGenerator<JsonObject, void> {
      while (value?.ref.plural === plural) {
        yield value.object;
        ({ value } = await lines.next());
      }
    }
  }
}
