import type { ForwardContext } from "../../calico/forwarded.ts";
import { kindInfo } from "../../calico/kinds.ts";
import { meaningHash } from "../../calico/meaning.ts";
import { type Shown, Tally } from "../../engine/approvals.ts";
import { type Ledger, ledgerPages } from "../../engine/ledger.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import { detailOf } from "../copying/ledger-detail.ts";
import { differing } from "../copying/verify-kinds.ts";
import { isOurs } from "../target/ownership.ts";
import { readTarget } from "../target/calls.ts";
import { compareResource } from "./compare.ts";
import { type Context, conversion, resources } from "./context.ts";
import { readSources } from "./source.ts";
import { refOf } from "./target-refs.ts";

/** The ledger of what others have written to the target since it was copied, as `conflict` where a person has to look. */
const NOTED = "written-by-others";
/** What a person approves by it. */
export const BY_OTHERS = "written-by-others";
/** What a stage that asks for it says of that. */
export const ASKS_ABOUT_OTHERS = { subject: BY_OTHERS, kind: "found" } as const;
const PAGE = 1000;
const NAMED = 10;

/** What others have written to the target since it was copied. */
export function notedLedger(context: Pick<Context, "ledger">): Ledger {
  return context.ledger(NOTED);
}

/**
 * True for kinds that decide what traffic passes, or who has which address: a person has to approve what others write
 * to them.
 */
export function isGuarded(kind: string): boolean {
  const { etcd } = kindInfo(kind);
  const decides =
    kind === "Tier" || kind.endsWith("Policy") || kind.endsWith("NetworkSet") || kind === "HostEndpoint";
  return decides || etcd === "ipam";
}

/** Notes what differs by the hand of others; of guarded kinds it waits for a person's approval. */
export async function note(context: Context, rows: readonly Checkpoint[]): Promise<void> {
  const noted = rows.map((row): Checkpoint => {
    return { ...row, state: isGuarded(detailOf(row).kind) ? "conflict" : "pending" };
  });
  await notedLedger(context).put(noted);
}

/** Forgets what was noted before everything is compared again. */
export async function forgetNoted(context: Context): Promise<void> {
  const query = { states: ["conflict", "pending"] as const, limit: PAGE };
  for await (const page of ledgerPages(notedLedger(context), query))
    await notedLedger(context).put(page.map((row) => ({ ...row, state: "reverted" })));
}

/** The row of an object, by its target's id, that no resource of etcd has become. */
export function strangerRow(
  context: Context,
  kind: string,
  [target, object]: [string, JsonObject],
): Checkpoint {
  const namespace = textAt(object, "metadata", "namespace");
  const detail = namespace === "" ? { kind } : { kind, namespace };
  const { rank } = kindInfo(kind);
  const row: Checkpoint = { rank, key: target, state: "conflict", target, sourceRevision: 0, detail };
  return differing(row, strangerReason(isOurs(context, object)));
}

/** Why an object of the target that etcd has not is told. */
export function strangerReason(ours: boolean): string {
  return ours
    ? "it is gone from etcd, and still in the target: delete it"
    : "only the target has it: delete it, or create it in etcd";
}

/**
 * What others have written to tiers, policies, sets, host endpoints and IPAM since the switch, as it is shown for approval;
 * undefined where there is nothing, or it was put right meanwhile.
 */
export async function shownOfOthers(context: Context): Promise<Shown | undefined> {
  const convert = await conversion(context);
  const tally = new Tally();
  const named: string[] = [];
  for await (const page of ledgerPages(notedLedger(context), { states: ["conflict"], limit: PAGE })) {
    const seen = await Promise.all(page.map((row) => stillDiffering(context, convert, row)));
    for (const [index, meaning] of seen.entries()) {
      const row = page[index];
      if (row === undefined || meaning === undefined) continue;
      tally.add([row.target, meaning]);
      if (named.length < NAMED) named.push(`${row.target} (${detailOf(row).reason ?? ""})`);
    }
  }
  if (tally.count === 0) return undefined;
  const more = tally.count > NAMED ? `; and ${tally.count - NAMED} more` : "";
  return tally.shown(
    `others have written to the target since the copy: ${named.join("; ")}${more}; \`describe\` lists all`,
  );
}

/** What the target means where it still differs; undefined where it was put right. */
async function stillDiffering(
  context: Context,
  convert: ForwardContext,
  row: Checkpoint,
): Promise<string | undefined> {
  const target = await readTarget(context, refOf(row, convert.targetGroup));
  const meaning = target === undefined ? "" : meaningHash(target);
  const [checkpoint] = await resources(context).findByTarget([row.target]);
  if (checkpoint === undefined || checkpoint.state === "reverted")
    return target === undefined ? undefined : meaning;
  const [pair] = await readSources(context, [checkpoint]);
  if (pair === undefined) return meaning;
  const { result } = await compareResource(context, convert, { ...pair, target });
  return result === "different" ? meaning : undefined;
}
