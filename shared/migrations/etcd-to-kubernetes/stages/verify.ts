import type { ForwardContext } from "../../../calico/forwarded.ts";
import { KINDS } from "../../../calico/kinds.ts";
import type { Sweep } from "../../../engine/migration.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import type { JsonObject } from "../../../json.ts";
import type { ClusterConnections } from "../../connections.ts";
import { differencesLedger, differing, verifyKinds } from "../../copying/verify-kinds.ts";
import { type Comparison, compareResource } from "../compare.ts";
import { backConversion, type Context, conversion } from "../context.ts";
import { hasLostHome } from "../homes.ts";
import { isMissing } from "../missing-kinds.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { forgetNoted, note, strangerRow } from "../written-by-others.ts";
import { compareKind, type Pair } from "./verify-kind.ts";

/** How a verification judges. */
export interface VerifyTraits {
  name: string;
  title: string;
  /** What has changed in the source since it was copied, or has lost its home: left for catching up, or a difference. */
  sourceChanged: "later" | "difference";
  /**
   * What others have written to the target since it was copied, or made there by themselves: a difference; or noted, and to
   * be approved before the unlock where it concerns policies, sets, host endpoints or IPAM.
   */
  writtenByOthers: "difference" | "noted";
  /** Targets that are as they are with a person's consent; none when left out. */
  accepted?: (context: Context, targets: readonly string[]) => Promise<ReadonlySet<string>>;
}

const VERIFIED = KINDS.filter(({ carried, rank }) => carried === true && rank > 0).map(({ kind }) => kind);

/**
 * Reads both sides back and compares what they mean, kind by kind: every object that the target lists, also those that no
 * resource has become, and every resource that it does not list.
 */
export function verifySweep(traits: VerifyTraits): Sweep<ClusterConnections, EtcdToKubernetesOptions> {
  const { name, title } = traits;
  return verifyKinds({
    name,
    title,
    kinds: VERIFIED,
    ...(traits.writtenByOthers === "noted" ? { begin: forgetNoted } : {}),
    compare: async (context, { kind, attempt, batch }) => {
      if (await isMissing(context, kind)) return { done: true, counts: {} };
      const convert = await conversion(context);
      const both = { there: convert, back: await backConversion(context) };
      const judged = {
        pairs: (pairs: readonly Pair[]) => judge(traits, context, convert, { attempt, pairs }),
        strangers: (objects: readonly [string, JsonObject][]) =>
          judgeStrangers(traits, context, { kind, attempt, objects }),
      };
      return compareKind(context, both, { kind, batch }, judged);
    },
  });
}

async function judge(
  traits: VerifyTraits,
  context: Context,
  convert: ForwardContext,
  { attempt, pairs }: { attempt: number; pairs: readonly Pair[] },
): Promise<void> {
  const different: Checkpoint[] = [];
  const noted: Checkpoint[] = [];
  for (const pair of pairs) {
    const comparison = await compareResource(context, convert, pair);
    if (comparison.result === "equal") continue;
    if (traits.sourceChanged === "later" && (await isForLater(context, pair, comparison))) continue;
    if (isNoted(traits, comparison)) noted.push(differing(pair.checkpoint, reasonOf(comparison)));
    else different.push(differing(pair.checkpoint, reasonOf(comparison)));
  }
  const accepted = await acceptedOf(traits, context, different);
  const unaccepted = different.filter(({ target }) => !accepted.has(target));
  await context.ledger(differencesLedger(traits.name, attempt)).put(unaccepted);
  await note(context, noted);
}

/** What has changed in the source, or lost its namespace or Node, is caught up with. */
async function isForLater(
  context: Context,
  { checkpoint, target }: Pair,
  { result }: Comparison,
): Promise<boolean> {
  return result === "source-changed" || hasLostHome(context, checkpoint, target);
}

async function acceptedOf(
  { accepted }: VerifyTraits,
  context: Context,
  rows: readonly Checkpoint[],
): Promise<ReadonlySet<string>> {
  if (accepted === undefined || rows.length === 0) return new Set();
  return accepted(
    context,
    rows.map(({ target }) => target),
  );
}

/** What no resource of etcd has become is there by the hand of others, or left over. */
async function judgeStrangers(
  traits: VerifyTraits,
  context: Context,
  { kind, attempt, objects }: { kind: string; attempt: number; objects: readonly [string, JsonObject][] },
): Promise<void> {
  if (objects.length === 0) return;
  const rows = objects.map((object) => strangerRow(context, kind, object));
  const accepted = await acceptedOf(traits, context, rows);
  const strange = rows.filter(({ target }) => !accepted.has(target));
  if (traits.writtenByOthers === "noted") await note(context, strange);
  else await context.ledger(differencesLedger(traits.name, attempt)).put(strange);
}

function isNoted(traits: VerifyTraits, comparison: Comparison): boolean {
  return comparison.result === "different" && comparison.byOthers && traits.writtenByOthers === "noted";
}

function reasonOf(comparison: Comparison): string {
  return comparison.result === "different"
    ? comparison.message
    : "the source has changed since it was copied";
}
