import { NATIVE_KINDS, type NativeKind } from "../../../calico/native/native-kinds.ts";
import { nativeMeaning } from "../../../calico/native/same-native.ts";
import type { Action } from "../../../engine/migration.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import type { ClusterConnections } from "../../connections.ts";
import { detailOf } from "../../copying/ledger-detail.ts";
import { keepRemoved } from "../api-service.ts";
import { isRefused, setNativeReady } from "../cluster-information.ts";
import { countCopied, isCopied, nativeIdOf } from "../copied.ts";
import { type Context, resources } from "../context.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";

const SUBJECT = "late-changes";
const POLL_MS = 1000;
const NAMED = 5;
/** How much later this machine's clock may be than the API server's. Milliseconds. */
const CLOCK_SKEW_MS = 60_000;

/** What would be lost by going back: how many objects, and some of them. */
class Lost {
  count = 0;
  readonly names: string[] = [];

  add(what: string, count = 1): void {
    this.count += count;
    if (this.names.length < NAMED) this.names.push(what);
  }
}

/**
 * Since the unlock Calico has worked on the native group: addresses were given to pods, people have changed policies. The old
 * group knows nothing of that, so going back forgets it, and could give an address away twice. Only with a person's consent.
 * The native group is locked while it is compared, and in service again while the person decides.
 */
export const confirmLateChanges: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "confirm-late-changes",
  title: "find what was changed in the native group since the unlock, which going back forgets",
  act: async (context) => {
    if (context.approved(SUBJECT)) return { done: true };
    const hidden = await keepRemoved(context);
    if (hidden !== undefined) return { wait: { reason: "Gate", message: hidden, retryAfterMs: POLL_MS } };
    await setReadyUnlessRefused(context, false);
    const lost = await lateChanges(context);
    if (lost.count === 0) return { done: true };
    await setReadyUnlessRefused(context, true);
    const message = `going back forgets ${lost.count} changes made since the unlock, in IPAM addresses may then be given away twice: ${lost.names.join(", ")}`;
    return { wait: { reason: "Approval", subject: SUBJECT, message, retryAfterMs: 0 } };
  },
};

async function lateChanges(context: Context): Promise<Lost> {
  const { unlockedAt } = await context.notesOf("unlock");
  const lost = new Lost();
  // It was never unlocked.
  if (typeof unlockedAt !== "number") return lost;
  const since = unlockedAt - CLOCK_SKEW_MS;
  for (const kind of NATIVE_KINDS) await compareKind(context, kind, since, lost);
  return lost;
}

async function compareKind(context: Context, kind: NativeKind, since: number, lost: Lost): Promise<void> {
  const ref = { apiVersion: "projectcalico.org/v3", plural: kind.plural };
  let seen = 0;
  for await (const page of context.connections.kubernetes.pages(ref, { signal: context.signal })) {
    const byId = new Map(page.map((object) => [nativeIdOf(kind, object), object]));
    const rows = await resources(context).findByTarget([...byId.keys()]);
    const copied = new Map(rows.filter(isCopied).map((row) => [row.target, row]));
    seen += copied.size;
    for (const [id, object] of byId) {
      const row = copied.get(id);
      const isChanged =
        row === undefined
          ? Date.parse(textAt(object, "metadata", "creationTimestamp")) >= since
          : nativeMeaning(object) !== (detailOf(row).held ?? row.sourceHash);
      if (isChanged) lost.add(id);
    }
  }
  const missing = (await countCopied(context, kind)) - seen;
  if (missing > 0) lost.add(`${missing} deleted of ${kind.plural}`, missing);
}

/** The webhook of an operator that has switched may refuse it: then what is compared may change meanwhile. */
async function setReadyUnlessRefused(context: Context, ready: boolean): Promise<void> {
  try {
    await setNativeReady(context, ready);
  } catch (error) {
    if (!isRefused(error)) throw error;
  }
}
