import { NATIVE_KINDS, type NativeKind } from "../../../calico/native/native-kinds.ts";
import { nativeMeaning } from "../../../calico/native/same-native.ts";
import { identityForPods } from "../../../calico/native/written-for-pods.ts";
import { askFor, type Shown, Tally } from "../../../engine/approvals.ts";
import type { Action, WaitRequest } from "../../../engine/migration.ts";
import { isRetryable } from "../../../errors.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import type { ClusterConnections } from "../../connections.ts";
import { detailOf } from "../../copying/ledger-detail.ts";
import { keepRemoved } from "../api-service.ts";
import { rehearseBeforeLock, STAYS_IN_SERVICE } from "../../target/rehearse.ts";
import { isNativeLocked, isRefused, setNativeReady } from "../cluster-information.ts";
import { copiedBut, isCopied, nativeIdOf } from "../copied.ts";
import { type Context, resources, sendFor } from "../context.ts";
import { isUndefined } from "../native-definitions.ts";
import { runMeanwhile, stoppedMeanwhile, stopOperatorAgain } from "../operator-hold.ts";
import { removeWebhook } from "../operator-webhook.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { isLeaving } from "../../target/leaving.ts";
import { reads } from "../../target/reads.ts";
import { backRehearsals } from "./back-rehearsals.ts";
import { forgetShown, keepChanged, keepDeleted, unlockedSince, wasUnlocked } from "./shown-late.ts";

const SUBJECT = "late-changes";
const POLL_MS = 1000;
const NAMED = 5;
/** How much later this machine's clock may be than the API server's. Milliseconds. */
const CLOCK_SKEW_MS = 60_000;

/** What would be lost by going back: how many objects, some of them, and the fingerprint of all. */
class Lost {
  count = 0;
  readonly #names: string[] = [];
  readonly #tally = new Tally();
  readonly #forPods = new Set<string>();

  changed(kind: NativeKind, id: string, meaning: string): void {
    this.count++;
    this.#name(id);
    this.#identify(kind, id, [id, meaning]);
  }

  deleted(kind: NativeKind, ids: readonly string[]): void {
    this.count += ids.length;
    for (const id of ids) {
      this.#name(`${id} (deleted)`);
      this.#identify(kind, id, [id]);
    }
  }

  get shown(): Shown {
    const more = this.count > NAMED ? `, and ${this.count - NAMED} more` : "";
    const message = `going back forgets ${this.count} changes made since the unlock, in IPAM addresses may then be given away twice: ${this.#names.join(", ")}${more}`;
    return { message, count: this.count, fingerprint: this.#tally.fingerprint };
  }

  #name(what: string): void {
    if (this.#names.length < NAMED) this.#names.push(what);
  }

  #identify({ kind }: NativeKind, id: string, thing: string[]): void {
    const forPods = identityForPods(kind, id);
    if (forPods === undefined) this.#tally.add(thing);
    else if (!this.#forPods.has(forPods)) {
      this.#forPods.add(forPods);
      this.#tally.add(forPods);
    }
  }
}

type AnyAction = Action<ClusterConnections, ApiserverToCrdsOptions>;

const ASKS = [{ subject: SUBJECT, kind: "found" }] as const;

/**
 * The first step of every way back, of which only one after the unlock has something to ask: all its writes are tried, and what it
 * forgets is asked for, before the operator is stopped, owners are taken off and the native group is locked. Everything goes on
 * as it is while a person decides. Throws REHEARSAL_FAILED, with nothing changed.
 */
export const askLateChanges: AnyAction = {
  kind: "action",
  name: "ask-late-changes",
  title: "try every write of the way back after the unlock, and ask for what it forgets",
  asks: ASKS,
  act: async (context) => {
    if (!(await wasUnlocked(context))) return { done: true };
    const hidden = await keepRemoved(context);
    if (hidden !== undefined) return { wait: { reason: "Gate", message: hidden, retryAfterMs: POLL_MS } };
    // Nobody has worked on it, and what is locked waits for no question.
    if (await isNativeLocked(context)) return { done: true };
    await rehearseBack(context);
    const lost = await lateChanges(context);
    return isAccepted(context, lost) ? { done: true } : { wait: await ask(context, lost) };
  },
};

/**
 * Since the unlock Calico has worked on the native group: addresses were given to pods, people have changed policies. The old
 * group knows nothing of that, so going back forgets it, and could give an address away twice. Only with a person's consent.
 * The native group is locked while it is compared, and in service again, with the operator, while the person decides: what was asked
 * for before may have grown since. Before that all writes that follow are tried again. Throws REHEARSAL_FAILED, with both in service.
 */
export const confirmLateChanges: AnyAction = {
  kind: "action",
  name: "confirm-late-changes",
  title: "lock the native group, and see that nothing more was changed in it than going back may forget",
  asks: ASKS,
  act: async (context) => {
    const hidden = await keepRemoved(context);
    if (hidden !== undefined) return { wait: { reason: "Gate", message: hidden, retryAfterMs: POLL_MS } };
    const held = (await isNativeLocked(context)) ? undefined : await prepareLock(context);
    if (held !== undefined) return { wait: held };
    await setReadyUnlessRefused(context, false);
    const lost = await lateChanges(context);
    // Locked from here on: what was compared and approved is what is forgotten.
    if (isAccepted(context, lost)) return { done: true };
    await setReadyUnlessRefused(context, true);
    await context.record({ askedAgain: true });
    await runMeanwhile(context);
    return { wait: await ask(context, lost) };
  },
};

/**
 * Tries what follows the lock, and stops the operator, which was started again where people were asked here before: nothing is stopped
 * for what they have not approved yet.
 */
async function prepareLock(context: Context): Promise<WaitRequest | undefined> {
  if (context.notes["askedAgain"] === true) {
    const lost = await lateChanges(context);
    if (!isAccepted(context, lost)) return ask(context, lost);
  }
  try {
    await rehearseBack(context);
  } catch (error) {
    // A person has to mend that; what may pass is tried again.
    if (!isRetryable(error)) await runMeanwhile(context);
    throw error;
  }
  const running = await stopOperatorAgain(context);
  if (running !== undefined) return { reason: "Gate", message: running, retryAfterMs: POLL_MS };
  await removeWebhook(context);
  return undefined;
}

function isAccepted(context: Context, { count, shown }: Lost): boolean {
  return count === 0 || context.approved(SUBJECT, shown);
}

/** Whatever is stopped while a person decides is said. */
async function ask(context: Context, { shown }: Lost): Promise<WaitRequest> {
  const stopped = await stoppedMeanwhile(context);
  return askFor(
    SUBJECT,
    stopped === undefined ? shown : { ...shown, message: `${shown.message}; ${stopped}` },
  );
}

async function rehearseBack(context: Context): Promise<void> {
  const stopped = await stoppedMeanwhile(context);
  const state = stopped === undefined ? STAYS_IN_SERVICE : `${STAYS_IN_SERVICE} (${stopped})`;
  await rehearseBeforeLock(sendFor(context), await backRehearsals(context), state);
}

async function lateChanges(context: Context): Promise<Lost> {
  const unlockedAt = await unlockedSince(context);
  const lost = new Lost();
  if (unlockedAt === undefined) return lost;
  const since = unlockedAt - CLOCK_SKEW_MS;
  await forgetShown(context);
  for (const kind of NATIVE_KINDS) await compareKind(context, kind, since, lost);
  return lost;
}

async function compareKind(context: Context, kind: NativeKind, since: number, lost: Lost): Promise<void> {
  const ref = { apiVersion: "projectcalico.org/v3", plural: kind.plural };
  const seen = new Set<string>();
  for await (const page of reads(context).pages(ref, { signal: context.signal })) {
    // What is being deleted is deleted: its v1 object, which would act again, knows nothing of that.
    const living = page.filter((object) => !isLeaving(object));
    const byId = new Map(living.map((object) => [nativeIdOf(kind, object), object]));
    const rows = await resources(context).findByTarget([...byId.keys()]);
    const copied = new Map(rows.filter(isCopied).map((row) => [row.target, row]));
    for (const id of copied.keys()) seen.add(id);
    const changed = new Map<string, string>();
    for (const [id, object] of byId) {
      const row = copied.get(id);
      const meaning = nativeMeaning(object);
      const isChanged =
        row === undefined
          ? Date.parse(textAt(object, "metadata", "creationTimestamp")) >= since
          : meaning !== (detailOf(row).held ?? row.sourceHash);
      if (isChanged) changed.set(id, meaning);
    }
    for (const [id, meaning] of changed) lost.changed(kind, id, meaning);
    await keepChanged(context, changed);
  }
  const deleted = await copiedBut(context, kind, seen);
  lost.deleted(kind, deleted);
  await keepDeleted(context, deleted);
}

/**
 * The webhook of an operator that has switched may refuse it, and somebody may have deleted the definition: then what is compared
 * may change meanwhile.
 */
async function setReadyUnlessRefused(context: Context, ready: boolean): Promise<void> {
  try {
    await setNativeReady(context, ready);
  } catch (error) {
    if (!isRefused(error) && !(await isUndefined(context, "clusterinformations"))) throw error;
  }
}
