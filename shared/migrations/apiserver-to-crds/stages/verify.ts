import { z } from "zod";
import { v1Id } from "../../../calico/native/native-ids.ts";
import { NATIVE_KINDS, type NativeKind } from "../../../calico/native/native-kinds.ts";
import { nativeMeaning } from "../../../calico/native/same-native.ts";
import type { BatchOutcome, Sweep } from "../../../engine/migration.ts";
import type { BatchRecord, Checkpoint } from "../../../engine/records.ts";
import type { Json, JsonObject } from "../../../json.ts";
import { isKubernetesError } from "../../../kubernetes/errors.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import type { ListPage, ResourceRef } from "../../../kubernetes/types.ts";
import type { ClusterConnections } from "../../connections.ts";
import { differencesLedger, differing, verifyKinds } from "../../copying/verify-kinds.ts";
import { detailOf, isLeftOut } from "../../copying/ledger-detail.ts";
import { rowsInRange } from "../../copying/ledger-ranges.ts";
import { isWrittenByOthers } from "../../target/ownership.ts";
import { call, readTarget } from "../../target/calls.ts";
import { copiedRows, countCopied, isCopied, nativeIdOf } from "../copied.ts";
import { type Context, isPrecopied, isRemoved, nativeVersion, resources, v1Resource } from "../context.ts";
import { throughNative } from "../native-access.ts";
import { notServed } from "../native-api.ts";
import { nativeDetailOf } from "../native-detail.ts";
import { keyOf, revisionOf } from "../native-task.ts";
import { nativeRefOf } from "../native-ref.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { v1Ref } from "../retry-rows.ts";
import { NOTHING, orNoV1Kind } from "../v1-kind.ts";

/** How a verification judges. */
interface VerifyTraits {
  name: string;
  title: string;
  /** What has changed in the old group since it was copied: left for catching up, or a difference. */
  sourceChanged: "later" | "difference";
  /** What others have done to native objects since they were copied: a difference, or only noted, as Calico may use them. */
  changedByOthers: "difference" | "noted";
}

const PAGE = 500;
const PAGES_PER_WORK = 10;

/** How far a kind is compared: the native list, then the old group's versions, then, where one of them lacked some, one by one. */
const Progress = z.union([
  z.object({ phase: z.literal("native"), seen: z.int(), continueToken: z.string().optional() }),
  z.object({
    phase: z.literal("old"),
    seen: z.int(),
    seenOld: z.int(),
    continueToken: z.string().optional(),
  }),
  z.object({ phase: z.literal("unlisted"), after: z.string() }),
]);
type Progress = z.infer<typeof Progress>;

/** Reads the copies back and compares what they mean with what was read of the v1 objects, and these with what they were then. */
export function verifySweep(traits: VerifyTraits): Sweep<ClusterConnections, ApiserverToCrdsOptions> {
  const { name, title } = traits;
  const sweep = verifyKinds<ApiserverToCrdsOptions>({
    name,
    title,
    kinds: NATIVE_KINDS.map(({ kind }) => kind),
    compare: (context, { kind, attempt, batch }) => compareKind(traits, context, { kind, attempt, batch }),
  });
  return throughNative({
    ...sweep,
    plan: async (context, cursor) =>
      (await isReachable(context)) ? sweep.plan(context, cursor) : { batches: [], done: true },
  });
}

/** Without the second version nobody can look at native objects before the aggregated API server is gone. */
async function isReachable(context: Context): Promise<boolean> {
  return (await isPrecopied(context)) || isRemoved(context);
}

async function compareKind(
  traits: VerifyTraits,
  context: Context,
  { kind: name, attempt, batch }: { kind: string; attempt: number; batch: Readonly<BatchRecord> },
): Promise<BatchOutcome> {
  const kind = NATIVE_KINDS.find((one) => one.kind === name);
  if (kind === undefined) throw new Error(`no kind is called ${name}`);
  if (!(await isReachable(context))) return { done: true, counts: {} };
  const comparing = new Comparing(traits, context, { kind, attempt, version: await nativeVersion(context) });
  let at: Progress =
    batch.progress === undefined ? { phase: "native", seen: 0 } : Progress.parse(batch.progress);
  for (let pages = 0; pages < PAGES_PER_WORK; pages++) {
    const next = await comparing.page(at);
    if (next === undefined) return { done: true, counts: { verified: batch.size } };
    at = next;
  }
  return { more: true, progress: at satisfies Json };
}

/** One kind, page by page; each page says where to go on, or undefined at the end. */
class Comparing {
  readonly #traits: VerifyTraits;
  readonly #context: Context;
  readonly #kind: NativeKind;
  readonly #attempt: number;
  readonly #version: string;

  constructor(
    traits: VerifyTraits,
    context: Context,
    subject: { kind: NativeKind; attempt: number; version: string },
  ) {
    this.#traits = traits;
    this.#context = context;
    this.#kind = subject.kind;
    this.#attempt = subject.attempt;
    this.#version = subject.version;
  }

  page(at: Progress): Promise<Progress | undefined> {
    switch (at.phase) {
      case "native":
        return this.#nativePage(at);
      case "old":
        return this.#oldPage(at);
      case "unlisted":
        return this.#unlistedPage(at.after);
    }
  }

  async #nativePage({ seen, continueToken }: Extract<Progress, { phase: "native" }>): Promise<Progress> {
    const ref = { apiVersion: this.#version, plural: this.#kind.plural };
    const page = await this.#list(ref, continueToken, false);
    if (page === "expired") return { phase: "native", seen: 0 };
    const byId = new Map(page.items.map((object) => [nativeIdOf(this.#kind, object), object]));
    const rows = await this.#rowsOf(byId);
    await this.#report(rows.flatMap((row) => this.#differs(row, byId.get(row.target))));
    const total = seen + rows.length;
    return page.continueToken === undefined
      ? { phase: "old", seen: total, seenOld: 0 }
      : { phase: "native", seen: total, continueToken: page.continueToken };
  }

  async #oldPage({
    seen,
    seenOld,
    continueToken,
  }: Extract<Progress, { phase: "old" }>): Promise<Progress | undefined> {
    const listed = this.#list(v1Resource(this.#kind), continueToken, true);
    const page = (await orNoV1Kind(this.#context, this.#kind, listed)) ?? NOTHING;
    if (page === "expired") return { phase: "old", seen, seenOld: 0 };
    const ids = page.items.map((object) => ({ rank: this.#kind.rank, key: keyOf(this.#kind, object) }));
    const rows = new Map((await resources(this.#context).get(ids)).map((row) => [row.key, row]));
    if (this.#traits.sourceChanged === "difference")
      await this.#report(
        page.items.flatMap((v1) =>
          changedSince(rows.get(keyOf(this.#kind, v1)) ?? uncopied(this.#kind, v1), v1),
        ),
      );
    const total = seenOld + [...rows.values()].filter(isCopied).length;
    if (page.continueToken !== undefined)
      return { phase: "old", seen, seenOld: total, continueToken: page.continueToken };
    const copied = await countCopied(this.#context, this.#kind);
    const isShort = seen < copied || (this.#traits.sourceChanged === "difference" && total < copied);
    return isShort ? { phase: "unlisted", after: "" } : undefined;
  }

  /** What a list has not shown is missing, or came while it was read. */
  async #unlistedPage(after: string): Promise<Progress | undefined> {
    const rows = await copiedRows(this.#context, this.#kind, after);
    const last = rows.at(-1);
    if (last === undefined) return undefined;
    const found = await Promise.all(
      rows.map(async (row) => ({
        row,
        object: await readTarget(this.#context, nativeRefOf(row, this.#version)),
      })),
    );
    await this.#report(found.flatMap(({ row, object }) => this.#differs(row, object)));
    if (this.#traits.sourceChanged === "difference") await this.#report(await this.#goneOf(rows));
    return { phase: "unlisted", after: last.key };
  }

  /** A v1 object that was deleted since its copy was made: the copy would live on. */
  async #goneOf(rows: readonly Checkpoint[]): Promise<Checkpoint[]> {
    const found = await Promise.all(rows.map(({ key }) => readTarget(this.#context, v1Ref(key).ref)));
    return rows
      .filter((_, index) => found[index] === undefined)
      .map((row) => differing(row, "the v1 object was deleted since it was copied"));
  }

  #differs(row: Checkpoint, object: JsonObject | undefined): Checkpoint[] {
    const isNoted = this.#traits.changedByOthers === "noted";
    if (object === undefined) return isNoted ? [] : [differing(row, "it is missing in projectcalico.org/v3")];
    if (isShownByOthers(row, object)) throw notServed(this.#kind);
    const { held } = detailOf(row);
    if (nativeMeaning(object) === (held ?? row.sourceHash)) return [];
    if (isNoted && isWrittenByOthers(this.#context, object)) return [];
    return [differing(row, "projectcalico.org/v3 holds something else than the copy")];
  }

  async #report(rows: readonly Checkpoint[]): Promise<void> {
    await this.#context.ledger(differencesLedger(this.#traits.name, this.#attempt)).put(rows);
  }

  /** The checkpoints of native objects: mostly those between the first one's and the last one's. */
  async #rowsOf(byId: ReadonlyMap<string, JsonObject>): Promise<Checkpoint[]> {
    const objects = [...byId.values()];
    const [first, last] = [objects[0], objects.at(-1)];
    if (first === undefined || last === undefined) return [];
    const range = { rank: this.#kind.rank, from: this.#likelyKey(first), to: this.#likelyKey(last) };
    const near = await rowsInRange(resources(this.#context), range, { limit: 2 * objects.length });
    const found = near.filter(({ target }) => byId.has(target));
    const known = new Set(found.map(({ target }) => target));
    const others = [...byId.keys()].filter((id) => !known.has(id));
    const rows = [...found, ...(await resources(this.#context).findByTarget(others))];
    return rows.filter(isCopied);
  }

  #likelyKey(object: JsonObject): string {
    const namespace = textAt(object, "metadata", "namespace");
    const name = textAt(object, "metadata", "name");
    return v1Id(this.#kind.v1Kind, namespace === "" ? undefined : namespace, name);
  }

  async #list(
    ref: ResourceRef,
    continueToken: string | undefined,
    metadataOnly: boolean,
  ): Promise<ListPage | "expired"> {
    const { connections, signal } = this.#context;
    const options = { limit: PAGE, continueToken, metadataOnly, signal };
    return call(this.#context, () => connections.kubernetes.list(ref, options)).catch(orExpired);
  }
}

/** Stands for the checkpoint of a v1 object that has none: it came after everything was copied. */
function uncopied(kind: NativeKind, v1: JsonObject): Checkpoint {
  const key = keyOf(kind, v1);
  return {
    rank: kind.rank,
    key,
    target: key,
    state: "pending",
    sourceRevision: 0,
    detail: { kind: kind.kind },
  };
}

function changedSince(row: Checkpoint, v1: JsonObject): Checkpoint[] {
  if (isLeftOut(row) || (isCopied(row) && row.sourceRevision === revisionOf(v1))) return [];
  return [differing(row, "the v1 object has changed since it was copied")];
}

/** An aggregated API server shows the v1 object under this UID: comparing that with itself would prove nothing. */
function isShownByOthers(row: Checkpoint, object: JsonObject): boolean {
  return textAt(object, "metadata", "uid") === nativeDetailOf(row).uid;
}

function orExpired(error: unknown): "expired" {
  if (isKubernetesError(error, "KUBERNETES_EXPIRED")) return "expired";
  throw error;
}
