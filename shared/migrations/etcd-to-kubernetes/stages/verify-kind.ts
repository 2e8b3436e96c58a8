import { z } from "zod";
import { type BackwardContext, etcdKeysFor } from "../../../calico/backward.ts";
import { isBuiltIn } from "../../../calico/built-in.ts";
import type { ForwardContext } from "../../../calico/forwarded.ts";
import { etcdPrefixesOf } from "../../../calico/keys.ts";
import { kindInfo, targetKind } from "../../../calico/kinds.ts";
import type { TargetRef } from "../../../calico/target.ts";
import type { BatchOutcome } from "../../../engine/migration.ts";
import type { BatchRecord, Checkpoint } from "../../../engine/records.ts";
import type { Json, JsonObject } from "../../../json.ts";
import { isKubernetesError } from "../../../kubernetes/errors.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import { rankOf } from "../source-changes.ts";
import type { compareResource } from "../compare.ts";
import { type Context, resources } from "../context.ts";
import { isLeftOut } from "../../copying/ledger-detail.ts";
import { rowsInRange } from "../../copying/ledger-ranges.ts";
import { readSources } from "../source.ts";
import { call, readTarget } from "../../target/calls.ts";
import type { SeenList } from "../seen-lists.ts";
import { objectTargetId, refOf } from "../target-refs.ts";

/** A checkpoint with both of its sides. */
export type Pair = Parameters<typeof compareResource>[2];

/** How values are converted, in both directions. */
export interface Conversions {
  there: ForwardContext;
  back: BackwardContext;
}

/** What a page is judged by: copies with their sources, and what no resource of etcd has become. */
export interface Judge {
  pairs(pairs: readonly Pair[]): Promise<void>;
  /** By the ids of their targets. */
  strangers(objects: readonly [string, JsonObject][]): Promise<void>;
  /** Told once the kind was listed to its end. */
  listed?(list: SeenList): Promise<void>;
}

const PAGE = 500;
const PAGES_PER_WORK = 10;
const COPIED = ["applied", "verified"] as const;

/** How far a kind is compared: through its list first, then, where the list lacked some, through its checkpoints. */
const Progress = z.union([
  z.object({
    seen: z.int(),
    continueToken: z.string().optional(),
    // Versions before kept neither.
    objects: z.int().default(0),
    version: z.string().optional(),
  }),
  z.object({ prefix: z.int(), after: z.string() }),
]);
type Progress = z.infer<typeof Progress>;
type Listing = Extract<Progress, { seen: number }>;
type Unlisted = Exclude<Progress, Listing>;
const START: Listing = { seen: 0, objects: 0 };

/**
 * Compares one kind as far as it goes in one piece of work. The target is listed once, and each object compared with its
 * checkpoint; where that came to fewer than the ledger has, each target of the kind is looked at by itself, so that what is
 * missing, or came while the list was read, is judged too. Nothing is written about what is equal: counting tells.
 */
export async function compareKind(
  context: Context,
  convert: Conversions,
  { kind, batch }: { kind: string; batch: Readonly<BatchRecord> },
  judge: Judge,
): Promise<BatchOutcome> {
  const comparing = new Comparing(context, convert, kind, judge);
  let at = batch.progress === undefined ? START : Progress.parse(batch.progress);
  for (let pages = 0; pages < PAGES_PER_WORK; pages++) {
    const next = await comparing.step(at);
    if (next === undefined) return { done: true, counts: { verified: batch.size } };
    at = next;
  }
  return { more: true, progress: at satisfies Json };
}

/** One kind, page by page; each page says where to go on, or undefined at the end. */
export class Comparing {
  readonly #context: Context;
  readonly #convert: ForwardContext;
  readonly #back: BackwardContext;
  readonly #kind: string;
  readonly #judge: Judge;
  readonly #rank: number;
  readonly #prefixes: readonly string[];

  constructor(context: Context, convert: Conversions, kind: string, judge: Judge) {
    this.#context = context;
    this.#convert = convert.there;
    this.#back = convert.back;
    this.#kind = kind;
    this.#judge = judge;
    this.#rank = kindInfo(kind).rank;
    this.#prefixes = etcdPrefixesOf(kind);
  }

  /** All of it at once. */
  async whole(): Promise<void> {
    for (let at: Progress | undefined = START; at !== undefined;) at = await this.step(at);
  }

  step(at: Progress): Promise<Progress | undefined> {
    return "seen" in at ? this.#listed(at) : this.#unlisted(at);
  }

  /** Of these targets only, as they are now; one that is gone is among the {@link missing}. */
  async some(targets: readonly TargetRef[]): Promise<void> {
    const found = await Promise.all(targets.map((target) => readTarget(this.#context, target)));
    await this.#compareObjects(found.filter((object) => object !== undefined));
  }

  /** Of the copies only those whose target is not among these. */
  async missing(targets: ReadonlySet<string>): Promise<void> {
    for (const path of this.#prefixes) {
      let rows = await this.#rows(path, "");
      for (; rows.length > 0; rows = await this.#rows(path, rows.at(-1)?.key ?? ""))
        await this.#compareRows(rows.filter(({ target }) => !targets.has(target)));
    }
  }

  async #listed({ seen, objects, version, continueToken }: Listing): Promise<Progress | undefined> {
    const { connections, signal } = this.#context;
    const ref = targetKind(kindInfo(this.#kind), this.#convert.targetGroup);
    const options = { limit: PAGE, continueToken, signal };
    const page = await call(this.#context, () => connections.kubernetes.list(ref, options)).catch(orExpired);
    // The snapshot is gone, as after a pause: what was counted of it says nothing about the next one.
    if (page === "expired") return START;
    const total = seen + (await this.#compareObjects(page.items));
    const list = { version: version ?? page.resourceVersion, objects: objects + page.items.length };
    if (page.continueToken !== undefined) return { seen: total, ...list, continueToken: page.continueToken };
    await this.#judge.listed?.(list);
    return total < (await this.#copied()) ? { prefix: 0, after: "" } : undefined;
  }

  async #unlisted({ prefix, after }: Unlisted): Promise<Unlisted | undefined> {
    const path = this.#prefixes[prefix];
    if (path === undefined) return undefined;
    const rows = await this.#rows(path, after);
    const last = rows.at(-1);
    if (last === undefined) return { prefix: prefix + 1, after: "" };
    await this.#compareRows(rows);
    return { prefix, after: last.key };
  }

  async #compareRows(rows: readonly Checkpoint[]): Promise<void> {
    if (rows.length === 0) return;
    const pairs = await readSources(this.#context, rows);
    const { targetGroup } = this.#convert;
    const withTargets = pairs.map(async (pair) => ({
      ...pair,
      target: await readTarget(this.#context, refOf(pair.checkpoint, targetGroup)),
    }));
    await this.#judge.pairs(await Promise.all(withTargets));
  }

  /** How many of these objects are somebody's copy. */
  async #compareObjects(objects: readonly JsonObject[]): Promise<number> {
    const ref = targetKind(kindInfo(this.#kind), this.#convert.targetGroup);
    const byId = new Map(objects.map((object) => [objectTargetId(ref, object), object]));
    const rows = await this.#rowsOf(byId);
    const copied = rows.filter(({ state }) => state === "applied" || state === "verified");
    const pairs = await readSources(this.#context, copied);
    await this.#judge.pairs(pairs.map((pair) => ({ ...pair, target: byId.get(pair.checkpoint.target) })));
    const known = new Set(rows.filter(hasTarget).map(({ target }) => target));
    const strangers = [...byId].filter(([id, object]) => !known.has(id) && isData(this.#kind, object));
    await this.#judge.strangers(strangers);
    return copied.length;
  }

  /** The checkpoints of objects: mostly those between the first one's and the last one's, which is cheaper than one by one. */
  async #rowsOf(byId: ReadonlyMap<string, JsonObject>): Promise<Checkpoint[]> {
    const found = (await this.#rowsBetween([...byId.values()])).filter(({ target }) => byId.has(target));
    const known = new Set(found.map(({ target }) => target));
    const others = await resources(this.#context).findByTarget(
      [...byId.keys()].filter((id) => !known.has(id)),
    );
    return [...found, ...others];
  }

  async #rowsBetween(objects: readonly JsonObject[]): Promise<Checkpoint[]> {
    const [from, to] = [this.#keyOf(objects[0]), this.#keyOf(objects.at(-1))];
    if (from === undefined || to === undefined || from > to) return [];
    const range = { rank: this.#rank, from, to };
    return rowsInRange(resources(this.#context), range, { limit: 2 * objects.length });
  }

  #keyOf(object: JsonObject | undefined): string | undefined {
    const [key] = object === undefined ? [] : etcdKeysFor(object, this.#back);
    return key === undefined || rankOf(key) !== this.#rank ? undefined : key;
  }

  /** How many checkpoints of the kind have a copy. */
  async #copied(): Promise<number> {
    let count = 0;
    for (const path of this.#prefixes) {
      let rows = await this.#rows(path, "");
      for (; rows.length > 0; rows = await this.#rows(path, rows.at(-1)?.key ?? "")) count += rows.length;
    }
    return count;
  }

  #rows(path: string, after: string): Promise<Checkpoint[]> {
    // No key is the prefix alone, except the one of a kind that has but one.
    const start = after === "" ? path.slice(0, -1) : after;
    const query = { rank: this.#rank, after: { rank: this.#rank, key: start }, upTo: `${path}\uffff` };
    return resources(this.#context).list({ ...query, states: COPIED, limit: PAGE });
  }
}

/** A person may have left the object of a conflict as it is, and its resource out. */
function hasTarget(row: Checkpoint): boolean {
  return row.state !== "reverted" || isLeftOut(row);
}

function isData(kind: string, object: JsonObject): boolean {
  return kind !== "Node" && !isBuiltIn(kind, textAt(object, "metadata", "name"));
}

function orExpired(error: unknown): "expired" {
  if (isKubernetesError(error, "KUBERNETES_EXPIRED")) return "expired";
  throw error;
}
