import { z } from "zod";
import { NATIVE_KINDS, type NativeKind } from "../../calico/native/native-kinds.ts";
import type { NewBatch } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import type { ListPage } from "../../kubernetes/types.ts";
import { listPage } from "../target/calls.ts";
import { type Context, v1Resource } from "./context.ts";
import { keyOf } from "./native-task.ts";
import { NOTHING, orNoV1Kind } from "./v1-kind.ts";

/** One page of a list of v1 objects, as a batch names it: what is on it is read again by whoever works on it. */
export const V1Page = z.object({
  plural: z.string(),
  continueToken: z.string().optional(),
  /** The key of its last object; none at the end of a list. */
  upTo: z.string().optional(),
});
type V1Page = z.infer<typeof V1Page>;

/** Plans one page of a kind: a batch for what is on it, and where the list goes on. */
export async function planV1Page(
  context: Context,
  kind: NativeKind,
  continueToken: string | undefined,
): Promise<{ batches: NewBatch[]; next: string | undefined; resourceVersion: string }> {
  const page = await read(context, kind, continueToken, true);
  const last = page.continueToken === undefined ? undefined : page.items.at(-1);
  const upTo = last === undefined ? {} : { upTo: keyOf(kind, last) };
  const scope = { plural: kind.v1Plural, ...(continueToken === undefined ? {} : { continueToken }), ...upTo };
  const batches = page.items.length === 0 ? [] : [{ scope, size: page.items.length }];
  return { batches, next: page.continueToken, resourceVersion: page.resourceVersion };
}

/**
 * The objects that were on a page when it was planned. Read again, those of the first page, or of one whose snapshot is gone,
 * are those of the present: others may have come between them, and the last of them are further on.
 */
export async function* v1Objects(
  context: Context,
  { plural, continueToken, upTo }: V1Page,
): AsyncGenerator<{ kind: NativeKind; objects: JsonObject[] }, void> {
  const kind = NATIVE_KINDS.find(({ v1Plural }) => v1Plural === plural);
  if (kind === undefined) throw new Error(`no kind is called ${plural}`);
  let token = continueToken;
  do {
    const page = await read(context, kind, token, false);
    yield { kind, objects: page.items };
    const last = page.items.at(-1);
    const isComplete = upTo !== undefined && last !== undefined && keyOf(kind, last) >= upTo;
    token = isComplete ? undefined : page.continueToken;
  } while (token !== undefined);
}

async function read(
  context: Context,
  kind: NativeKind,
  continueToken: string | undefined,
  metadataOnly: boolean,
): Promise<ListPage> {
  const options = { limit: context.options.batchSize, continueToken, metadataOnly };
  const listed = listPage(context, v1Resource(kind), options, "onward");
  return (await orNoV1Kind(context, kind, listed)) ?? NOTHING;
}
