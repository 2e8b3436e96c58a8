import { z } from "zod";
import { NATIVE_KINDS, type NativeKind } from "../../calico/native/native-kinds.ts";
import type { NewBatch } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import type { ListOptions, ListPage } from "../../kubernetes/types.ts";
import { listPage } from "../target/calls.ts";
import { type Context, v1Resource } from "./context.ts";
import { keyOf } from "./native-task.ts";
import { NOTHING, orNoV1Kind } from "./v1-kind.ts";

/** One page of a list of v1 objects, as a batch names it: what is on it is read again by whoever works on it. */
export const V1Page = z.object({
  plural: z.string(),
  continueToken: z.string().optional(),
  /** Of the collection when its first page was planned; none on later pages, which their token pins. */
  resourceVersion: z.string().optional(),
  /** The key of its last object; none at the end of a list. */
  upTo: z.string().optional(),
});
type V1Page = z.infer<typeof V1Page>;

/** What was planned of some kinds. */
export interface PlannedPages {
  batches: NewBatch[];
  /** How many of the kinds are planned to their end. */
  ended: number;
  /** Where the list of the kind after these goes on, if it has begun. */
  next: string | undefined;
  /** Of each kind whose list has begun, the version of its collection, by its v1 plural. */
  versions: Record<string, string>;
}

/**
 * Plans a page of each of these kinds, in their order, up to the first that has more: a batch for what is on each page. The list
 * of the first kind goes on at the token. All are asked for at once, as the API server waits with each answer until its memory
 * has come as far as etcd, which takes up to 100 ms while anybody writes (Kubernetes 1.31 and newer).
 */
export async function planV1Pages(
  context: Context,
  kinds: readonly NativeKind[],
  continueToken: string | undefined,
): Promise<PlannedPages> {
  const pages = await Promise.all(
    kinds.map((kind, index) => planPage(context, kind, index === 0 ? continueToken : undefined)),
  );
  const goesOn = pages.findIndex(({ next }) => next !== undefined);
  const ended = goesOn < 0 ? pages.length : goesOn;
  const planned = pages.slice(0, ended + 1);
  return {
    batches: planned.flatMap(({ batches }) => batches),
    ended,
    next: planned[ended]?.next,
    versions: Object.fromEntries(planned.map(({ plural, resourceVersion }) => [plural, resourceVersion])),
  };
}

async function planPage(
  context: Context,
  kind: NativeKind,
  continueToken: string | undefined,
): Promise<{ plural: string; batches: NewBatch[]; next: string | undefined; resourceVersion: string }> {
  const page = await read(context, kind, { continueToken, metadataOnly: true });
  const { resourceVersion, continueToken: next, items } = page;
  const plural = kind.v1Plural;
  const last = next === undefined ? undefined : items.at(-1);
  const scope = {
    plural,
    ...(continueToken === undefined ? { resourceVersion } : { continueToken }),
    ...(last === undefined ? {} : { upTo: keyOf(kind, last) }),
  };
  const batches = items.length === 0 ? [] : [{ scope, size: items.length }];
  return { plural, batches, next, resourceVersion };
}

/**
 * The objects that were on a page when it was planned. Read again, those of the first page, or of one whose snapshot is gone,
 * are those of then or of later: others may have come between them, and the last of them are further on. What is `triedBefore` is
 * read as of now, since a version from before etcd was put back would be waited for in vain.
 */
export async function* v1Objects(
  context: Context,
  { plural, continueToken, resourceVersion, upTo }: V1Page,
  triedBefore: boolean,
): AsyncGenerator<{ kind: NativeKind; objects: JsonObject[] }, void> {
  const kind = NATIVE_KINDS.find(({ v1Plural }) => v1Plural === plural);
  if (kind === undefined) throw new Error(`no kind is called ${plural}`);
  let at: Pick<ListOptions, "continueToken" | "notOlderThan"> =
    continueToken === undefined && !triedBefore ? { notOlderThan: resourceVersion } : { continueToken };
  for (;;) {
    const page = await read(context, kind, at);
    yield { kind, objects: page.items };
    const last = page.items.at(-1);
    const isComplete = upTo !== undefined && last !== undefined && keyOf(kind, last) >= upTo;
    if (isComplete || page.continueToken === undefined) return;
    at = { continueToken: page.continueToken };
  }
}

async function read(
  context: Context,
  kind: NativeKind,
  at: Pick<ListOptions, "continueToken" | "notOlderThan" | "metadataOnly">,
): Promise<ListPage> {
  const options = { limit: context.options.batchSize, ...at };
  const listed = listPage(context, v1Resource(kind), options, "onward");
  return (await orNoV1Kind(context, kind, listed)) ?? NOTHING;
}
