import { KINDS } from "../../../calico/kinds.ts";
import type { Sweep } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import { differencesLedger, verifyKinds } from "../../copying/verify-kinds.ts";
import { backConversion, conversion } from "../context.ts";
import { isMissing } from "../missing-kinds.ts";
import type { EtcdToKubernetesOptions } from "../options.ts";
import { noteSeenList } from "../seen-lists.ts";
import { forgetNoted, note } from "../written-by-others.ts";
import { type Judged, judgePairs, judgeStrangers, type JudgeTraits } from "./judging.ts";
import { compareKind, type Judge } from "./verify-kind.ts";

/** A verification, and how it judges. */
export interface VerifyTraits extends JudgeTraits {
  name: string;
  title: string;
}

/** What is verified. */
export const VERIFIED = KINDS.filter(({ carried, rank }) => carried === true && rank > 0).map(
  ({ kind }) => kind,
);

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
      const keep = async ({ different, noted }: Judged): Promise<void> => {
        await context.ledger(differencesLedger(name, attempt)).put(different);
        await note(context, noted);
      };
      const judge: Judge = {
        pairs: async (pairs) => keep(await judgePairs(traits, context, convert, pairs)),
        strangers: async (objects) => keep(await judgeStrangers(traits, context, kind, objects)),
        // On the way forward a later stage looks at the target again, and goes by these lists.
        ...(traits.sourceChanged === "later" ? { listed: (list) => noteSeenList(context, kind, list) } : {}),
      };
      return compareKind(context, both, { kind, batch }, judge);
    },
  });
}
