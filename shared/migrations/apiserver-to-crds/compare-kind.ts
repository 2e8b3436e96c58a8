import { z } from "zod";
import { PROTECTED_TIERS } from "../../calico/built-in.ts";
import { v1Id } from "../../calico/native/native-ids.ts";
import type { NativeKind } from "../../calico/native/native-kinds.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { ListPage, ResourceRef } from "../../kubernetes/types.ts";
import { rowsInRange } from "../copying/ledger-ranges.ts";
import { differing } from "../copying/verify-kinds.ts";
import { call, readTarget } from "../target/calls.ts";
import { isLeaving, leavingText } from "../target/leaving.ts";
import { isWrittenByOthers } from "../target/ownership.ts";
import { counterpartOf, isMeaningOf, isSameVersion, whyNotCarried } from "./compare-v1.ts";
import { copiedRows, countCopied, isCopied, nativeIdOf } from "./copied.ts";
import { type Context, nativeVersion, resources, v1Resource } from "./context.ts";
import { knownNamesakes, leftOutKeys } from "./left-out.ts";
import { nativeStateOf, ONLY_NATIVE } from "./judge-native.ts";
import { lateRows, type NativeFinding } from "./late-native.ts";
import { notServed } from "./native-api.ts";
import { differenceOf, type Finding, livingOn, NAMESAKE, REASONS, uncopied } from "./native-differences.ts";
import { nativeDetailOf } from "./native-detail.ts";
import { nativeRefOf } from "./native-ref.ts";
import { keyOf } from "./native-task.ts";
import { v1Ref } from "./v1-ref.ts";
import { NOTHING, orNoV1Kind } from "./v1-kind.ts";

/** How a comparison judges. */
export interface Judgement {
  /**
   * What has changed in the old group since it was copied: left for catching up; looked at no more, as that is over; or a
   * difference.
   */
  sourceChanged: "later" | "over" | "difference";
  /**
   * What others have done to native objects: a difference; or, as Calico uses them, for a person to approve where it is a
   * matter of policies, sets, host endpoints and IPAM, and otherwise only noted.
   */
  changedByOthers: "difference" | "approval";
  /** Takes differences (`conflict`) and what is to be approved (`pending`). */
  report: (rows: readonly Checkpoint[]) => Promise<void>;
}

const PAGE = 500;

/** How far a kind is compared: the native list, then the old group's versions, then, where one of them lacked some, one by one. */
export const Progress = z.union([
  z.object({ phase: z.literal("native"), seen: z.int(), continueToken: z.string().optional() }),
  z.object({
    phase: z.literal("old"),
    seen: z.int(),
    seenOld: z.int(),
    continueToken: z.string().optional(),
  }),
  z.object({ phase: z.literal("unlisted"), after: z.string() }),
]);
/** See {@link Progress}. */
export type Progress = z.infer<typeof Progress>;

/** Where a comparison begins. */
export const BEGINNING: Progress = { phase: "native", seen: 0 };

/** Compares one kind in both groups, page by page; each page says where to go on, or undefined at the end. */
export class KindComparison {
  readonly #judgement: Judgement;
  readonly #context: Context;
  readonly #kind: NativeKind;
  readonly #version: string;
  /**
   * The ids of native objects with the name of an object that is left out, of which a person knows that they act in
   * its place. Looked for when the first such object is met.
   */
  #namesakes: Promise<ReadonlySet<string>> | undefined;

  private constructor(judgement: Judgement, context: Context, kind: NativeKind, version: string) {
    this.#judgement = judgement;
    this.#context = context;
    this.#kind = kind;
    this.#version = version;
  }

  static async of(judgement: Judgement, context: Context, kind: NativeKind): Promise<KindComparison> {
    return new KindComparison(judgement, context, kind, await nativeVersion(context));
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

  /** Judges these native objects alone; `at` is the object as it was last seen. */
  async these(found: readonly { at: JsonObject; object: JsonObject | undefined }[]): Promise<void> {
    const ids = found.map(({ at }) => nativeIdOf(this.#kind, at));
    const rows = new Map((await resources(this.#context).findByTarget(ids)).map((row) => [row.target, row]));
    await this.#judgeAll(
      found.map(({ at, object }) => ({ row: rows.get(nativeIdOf(this.#kind, at)), object })),
    );
  }

  async #nativePage({ seen, continueToken }: Extract<Progress, { phase: "native" }>): Promise<Progress> {
    const ref = { apiVersion: this.#version, plural: this.#kind.plural };
    const page = await this.#list(ref, continueToken, false);
    if (page === "expired") return BEGINNING;
    const byId = new Map(page.items.map((object) => [nativeIdOf(this.#kind, object), object]));
    const rows = await this.#rowsOf(byId);
    await this.#judgeAll([...byId].map(([id, object]) => ({ row: rows.get(id), object })));
    const total = seen + [...rows.values()].filter(isCopied).length;
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
    if (this.#judgement.sourceChanged === "difference") await this.#judgeOld(page.items, rows);
    const total = seenOld + [...rows.values()].filter(isCopied).length;
    if (page.continueToken !== undefined)
      return { phase: "old", seen, seenOld: total, continueToken: page.continueToken };
    const copied = await countCopied(this.#context, this.#kind);
    const isShort = seen < copied || (this.#judgement.sourceChanged === "difference" && total < copied);
    return isShort ? { phase: "unlisted", after: "" } : undefined;
  }

  async #judgeOld(items: readonly JsonObject[], rows: ReadonlyMap<string, Checkpoint>): Promise<void> {
    for (const v1 of items) {
      const row = rows.get(keyOf(this.#kind, v1));
      const reason = await whyNotCarried(this.#context, this.#kind, row, v1);
      if (reason !== undefined)
        await this.#judgement.report([differing(row ?? uncopied(this.#kind, v1), reason)]);
    }
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
    if (this.#judgement.sourceChanged === "difference") await this.#judgeUnlisted(found);
    else await this.#judgeAll(found);
    return { phase: "unlisted", after: last.key };
  }

  /** What was deleted from both groups is missed in neither; a copy whose v1 object was deleted since would live on. */
  async #judgeUnlisted(found: readonly Pair[]): Promise<void> {
    const v1s = await Promise.all(found.map(({ row }) => readTarget(this.#context, v1Ref(row.key).ref)));
    const gone = found.filter((_, index) => v1s[index] === undefined);
    await this.#judgeAll(found.filter((one) => one.object !== undefined || !gone.includes(one)));
    const living = gone.filter(({ object }) => object !== undefined && !isLeaving(object));
    const reason = "the v1 object was deleted since it was copied";
    await this.#judgement.report(living.map(({ row }) => livingOn(row, reason)));
  }

  async #judgeAll(
    pairs: readonly { row: Checkpoint | undefined; object: JsonObject | undefined }[],
  ): Promise<void> {
    const findings: Finding[] = [];
    for (const { row, object } of pairs) {
      if (row !== undefined && object !== undefined && isShownByOthers(row, object))
        throw notServed(this.#kind);
      const state = nativeStateOf(row, object);
      if (state === "settled") continue;
      if (state === "foreign" && object !== undefined && (await this.#isKnownNamesake(object))) continue;
      const id = object === undefined ? (row?.target ?? "") : nativeIdOf(this.#kind, object);
      findings.push({ kind: this.#kind.kind, id, state, object, row });
    }
    if (findings.length > 0) await this.#reportAll(findings);
  }

  async #reportAll(findings: readonly Finding[]): Promise<void> {
    const { changedByOthers, report } = this.#judgement;
    if (changedByOthers === "difference") {
      for (const one of findings)
        if (!(await this.#isExpected(one))) await report([differenceOf(one, await this.#reasonOf(one))]);
      return;
    }
    const wrong = findings.filter((one) => this.#isMiscopied(one));
    await report(wrong.map((one) => differenceOf(one, REASONS.changed)));
    await report(
      await lateRows(
        this.#context,
        findings.filter((one) => !wrong.includes(one)),
      ),
    );
  }

  /** Nobody else has written to it: the copy is wrong. */
  #isMiscopied({ state, object }: Finding): boolean {
    return state === "changed" && object !== undefined && !isWrittenByOthers(this.#context, object);
  }

  /** Calico creates its built-in tiers itself, and lets nobody delete them; a v1 object may be there by now that becomes it. */
  async #isExpected({ kind, state, object, row }: Finding): Promise<boolean> {
    if (state !== "foreign") return row !== undefined && this.#isCopiedAnew(row, state);
    if (object === undefined) return false;
    if (kind === "Tier" && PROTECTED_TIERS.has(textAt(object, "metadata", "name"))) return true;
    const v1 = await counterpartOf(this.#context, this.#kind, object, leftOutKeys(this.#context));
    if (v1 === undefined) return false;
    // Nothing copies a v1 object any more that has just come.
    return this.#judgement.sourceChanged !== "over" || isMeaningOf(this.#context, v1, object);
  }

  /**
   * What was deleted, or has changed since: catching up looks at its copy again, whatever others have made of that. What is gone
   * from both groups needs no look.
   */
  async #isCopiedAnew(row: Checkpoint, state: NativeFinding["state"]): Promise<boolean> {
    const { sourceChanged } = this.#judgement;
    if (sourceChanged === "difference" || (sourceChanged === "over" && state !== "missing")) return false;
    const v1 = await readTarget(this.#context, v1Ref(row.key).ref);
    if (v1 === undefined || isLeaving(v1)) return true;
    return sourceChanged === "later" && !isSameVersion(row, v1);
  }

  async #reasonOf({ state, object }: Finding): Promise<string> {
    if (object !== undefined && isLeaving(object)) return leavingText(object);
    if (state !== "foreign" || object === undefined)
      return state === "changed" ? REASONS.changed : REASONS.missing;
    const counterpart = await counterpartOf(this.#context, this.#kind, object, new Set());
    if (counterpart === undefined) return ONLY_NATIVE;
    return leftOutKeys(this.#context).has(keyOf(this.#kind, counterpart)) ? NAMESAKE : REASONS.uncopied;
  }

  async #isKnownNamesake(object: JsonObject): Promise<boolean> {
    if (leftOutKeys(this.#context).size === 0) return false;
    this.#namesakes ??= knownNamesakes(this.#context);
    return (await this.#namesakes).has(nativeIdOf(this.#kind, object));
  }

  /** The checkpoints of native objects, by id: mostly those between the first one's and the last one's. */
  async #rowsOf(byId: ReadonlyMap<string, JsonObject>): Promise<Map<string, Checkpoint>> {
    const objects = [...byId.values()];
    const [first, last] = [objects[0], objects.at(-1)];
    if (first === undefined || last === undefined) return new Map();
    const range = { rank: this.#kind.rank, from: this.#likelyKey(first), to: this.#likelyKey(last) };
    const near = await rowsInRange(resources(this.#context), range, { limit: 2 * objects.length });
    const found = new Map(near.filter(({ target }) => byId.has(target)).map((row) => [row.target, row]));
    const others = [...byId.keys()].filter((id) => !found.has(id));
    for (const row of await resources(this.#context).findByTarget(others)) found.set(row.target, row);
    return found;
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

/** A checkpoint and its native object, where that is there. */
interface Pair {
  row: Checkpoint;
  object: JsonObject | undefined;
}

/** An aggregated API server shows the v1 object under this UID: comparing that with itself would prove nothing. */
function isShownByOthers(row: Checkpoint, object: JsonObject): boolean {
  return isCopied(row) && textAt(object, "metadata", "uid") === nativeDetailOf(row).uid;
}

function orExpired(error: unknown): "expired" {
  if (isKubernetesError(error, "KUBERNETES_EXPIRED")) return "expired";
  throw error;
}
