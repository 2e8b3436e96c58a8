import type { NativeKind } from "../../calico/native/native-kinds.ts";
import { ledgerPages } from "../../engine/ledger.ts";
import type { JsonObject } from "../../json.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { call } from "../target/calls.ts";
import { isSameVersion } from "./compare-v1.ts";
import { type Context, resources, v1Resource } from "./context.ts";
import { keyOf } from "./native-task.ts";
import { NOTHING, orNoV1Kind } from "./v1-kind.ts";

const PAGE = 500;
const TRIES = 3;

/** Where the list of a kind goes on, and the last key before that. */
export interface ScannedTo {
  continueToken: string;
  after: string;
}

/** What of a kind is not as it was copied, by the keys of the checkpoints. */
export interface Found {
  written: string[];
  gone: string[];
}

/** One page of a list of v1 objects, which come in the order of their keys: it covers the keys after `after` up to `upTo`. */
interface Page {
  items: readonly JsonObject[];
  after: string;
  upTo: string;
  /** Left out at the end of the list. */
  next?: ScannedTo;
  resourceVersion: string;
}

/**
 * Compares every v1 object of a kind with its checkpoint, by version and UID; writes nothing. Throws KUBERNETES_EXPIRED where
 * the list's snapshot goes away on the way, again and again.
 *
 * @returns what is not as it was copied, and the version of the collection.
 */
export async function scanKind(
  context: Context,
  kind: NativeKind,
  tries = 1,
): Promise<{ found: Found; resourceVersion: string }> {
  const found: Found = { written: [], gone: [] };
  try {
    let resourceVersion = "";
    for await (const page of pagesOf(context, kind)) {
      const { written, gone } = await compared(context, kind, page);
      found.written.push(...written);
      found.gone.push(...gone);
      resourceVersion = page.resourceVersion;
    }
    return { found, resourceVersion };
  } catch (error) {
    if (tries >= TRIES || !isKubernetesError(error, "KUBERNETES_EXPIRED")) throw error;
    return scanKind(context, kind, tries + 1);
  }
}

/** As `scanKind`, for one page of the list; throws KUBERNETES_EXPIRED where its snapshot is gone. */
export async function scanPage(
  context: Context,
  kind: NativeKind,
  at: ScannedTo | undefined,
): Promise<{ found: Found; next: ScannedTo | undefined; resourceVersion: string }> {
  const page = await read(context, kind, at);
  const found = await compared(context, kind, page);
  return { found, next: page.next, resourceVersion: page.resourceVersion };
}

/** While a page is compared, the next one is on its way: the API server takes as long for it. */
async function* pagesOf(context: Context, kind: NativeKind): AsyncGenerator<Page, void> {
  let coming: Promise<Page> | undefined = read(context, kind, undefined);
  while (coming !== undefined) {
    const page: Page = await coming;
    coming = page.next === undefined ? undefined : read(context, kind, page.next);
    // Whether it failed is told when its turn comes.
    coming?.catch(() => undefined);
    yield page;
  }
}

async function read(context: Context, kind: NativeKind, at: ScannedTo | undefined): Promise<Page> {
  const { after, continueToken } = at ?? { after: prefixOf(kind), continueToken: undefined };
  const options = { limit: PAGE, metadataOnly: true, continueToken, signal: context.signal };
  const listed = call(context, () => context.connections.kubernetes.list(v1Resource(kind), options));
  const { items, resourceVersion, ...more } = (await orNoV1Kind(context, kind, listed)) ?? NOTHING;
  const last = items.at(-1);
  if (last === undefined || more.continueToken === undefined)
    return { items, after, upTo: `${prefixOf(kind)}\uffff`, resourceVersion };
  const upTo = keyOf(kind, last);
  return { items, after, upTo, next: { continueToken: more.continueToken, after: upTo }, resourceVersion };
}

function prefixOf({ v1Plural }: NativeKind): string {
  return `crd.projectcalico.org/v1/${v1Plural}/`;
}

/** The checkpoints of the same keys are read in one go, and once, for what is there and for what is gone. */
async function compared(context: Context, kind: NativeKind, page: Page): Promise<Found> {
  const { rank } = kind;
  const listed = new Map(page.items.map((object) => [keyOf(kind, object), object]));
  const same = new Set<string>();
  const gone: string[] = [];
  const query = { rank, after: { rank, key: page.after }, upTo: page.upTo, limit: PAGE };
  for await (const rows of ledgerPages(resources(context), query))
    for (const row of rows.filter(({ state }) => state !== "reverted")) {
      const object = listed.get(row.key);
      if (object === undefined) gone.push(row.key);
      else if (isSameVersion(row, object)) same.add(row.key);
    }
  return { written: [...listed.keys()].filter((key) => !same.has(key)), gone };
}
