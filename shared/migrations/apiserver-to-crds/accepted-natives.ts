import type { Ledger } from "../../engine/ledger.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { canonicalJson } from "../../json.ts";
import type { Context } from "./context.ts";

const PAGE = 500;

/** What others did to native objects, as a person has approved it for the cleanup. */
function accepted(context: Pick<Context, "ledger">): Ledger {
  return context.ledger("accepted-natives");
}

/**
 * Keeps what is approved. Once the first CRD is gone, the approval's fingerprint fits nothing any more: a worker that goes on
 * with the others finds only their objects.
 */
export async function accept(context: Context, rows: readonly Checkpoint[]): Promise<void> {
  for (let at = 0; at < rows.length; at += PAGE) await accepted(context).put(rows.slice(at, at + PAGE));
}

/** Those of these that have come, or have changed, since others were approved. */
export async function notAccepted(context: Context, rows: readonly Checkpoint[]): Promise<Checkpoint[]> {
  const fresh: Checkpoint[] = [];
  for (let at = 0; at < rows.length; at += PAGE) {
    const page = rows.slice(at, at + PAGE);
    const known = await accepted(context).get(page.map(({ rank, key }) => ({ rank, key })));
    const details = new Map(known.map(({ key, detail }) => [key, canonicalJson(detail)]));
    fresh.push(...page.filter(({ key, detail }) => details.get(key) !== canonicalJson(detail)));
  }
  return fresh;
}
