import { MigratorError } from "../../errors.ts";
import { crdResource, crdStates } from "../../kubernetes/crds.ts";
import {
  closeSecondVersions,
  openSecondVersion,
  openSecondVersions,
  type SecondVersionState,
} from "../../kubernetes/second-version-calls.ts";
import { fieldManager } from "../context.ts";
import { WRITE_TIMEOUT_MS } from "../target/calls.ts";
import type { Rehearsal } from "../target/rehearse.ts";
import { type Context, isPrecopied, isRemoved, sendFor } from "./context.ts";
import { definedOf, nativeCrdNames, otherRunsOnDefinitions } from "./native-definitions.ts";
import { keepLoss, type Loss, lossOf } from "./second-version-loss.ts";
import { reads } from "../target/reads.ts";

/** How long it may take to open again, and how long inside the lock. */
const OPEN_MS = 60_000;
const LOCKED_OPEN_MS = 15_000;
/**
 * After so many losses the second version is given up: somebody who puts the definitions back that often will do it
 * again.
 */
const MOST_LOSSES = 10;
/** The time between two looks at it, however many workers wait for it. */
const LOOK_MS = 500;
/** Workers that see one and the same loss mostly see it within this time. */
const EPISODE_MS = 2000;

/**
 * Opens the second version of these definitions where it is not, and says why it cannot be used yet; undefined when it can. On the
 * way back those that somebody has deleted do not matter: nothing is left in them.
 */
export async function openAgain(context: Context, names = nativeCrdNames()): Promise<string | undefined> {
  const wanted = context.run.track === "rollback" ? await definedOf(context, names) : names;
  return describeStates((await open(context, wanted)).filter(({ state }) => state !== "served"));
}

/** What is written to open it again where `close-second-version` has taken it away, as dry runs. */
export async function openRehearsals(context: Context): Promise<Rehearsal[]> {
  if ((await context.stageOf("close-second-version")) === undefined || !(await isPrecopied(context)))
    return [];
  const options = { ...writeOptions(context), dryRun: true };
  return (await definedOf(context, nativeCrdNames())).map((name) => ({
    what: `open the second version of ${crdResource.plural} ${name}`,
    try: (api) => openSecondVersion((request) => request(api), name, options),
  }));
}

/** As `openAgain`, and gives the state of each definition. */
export function open(context: Context, names: readonly string[]): Promise<SecondVersionState[]> {
  return openSecondVersions(sendFor(context), names, writeOptions(context));
}

/** Takes the second version off these definitions where they are there, and no other run needs it. Throws SECOND_VERSION_STORED. */
export async function close(context: Context, names: readonly string[] = nativeCrdNames()): Promise<void> {
  const states = await crdStates(reads(context), names, { signal: context.signal });
  const others = await otherRunsOnDefinitions(context);
  const present = states.filter((one) => one.present && !others.has(one.name)).map(({ name }) => name);
  await closeSecondVersions(sendFor(context), present, writeOptions(context));
}

/** What the definitions are, in a sentence; undefined for none. */
export function describeStates(states: readonly SecondVersionState[]): string | undefined {
  if (states.length === 0) return undefined;
  return states
    .map(({ name, state, reason }) => `${name} is ${state}${reason === "" ? "" : ` (${reason})`}`)
    .join(", ");
}

/**
 * Deals with a second version that somebody, such as Helm, the operator or a GitOps tool, has taken away by putting the
 * definitions back: opens it again, and says what the run waits for. It is given up for good where it is lost too often, where
 * it does not open in time, and where it is not needed any more, as the aggregated API server is out of the way. On the way back
 * there is nothing instead of it: SECOND_VERSION_LOST is thrown, until a person has stopped whoever it is.
 */
export async function reopenLost(context: Context): Promise<string> {
  const now = context.clock.now();
  const before = await knownLoss(context);
  if (before.since !== undefined && now - before.lookedAt < LOOK_MS) return before.reason;
  const isNew = before.since === undefined && now - before.countedAt > EPISODE_MS;
  const counted = isNew ? { times: before.times + 1, countedAt: now } : {};
  const loss = { ...before, ...counted, lookedAt: now, since: before.since ?? now };
  if (await isRemoved(context)) return giveUp(context, loss, "projectcalico.org/v3 serves instead");
  if (loss.times > MOST_LOSSES) return tooOften(context, loss, `it was taken away ${loss.times} times`);
  const missing = await openAgain(context);
  await keepLoss(context, {
    ...loss,
    since: missing === undefined ? undefined : loss.since,
    reason: missing ?? "",
  });
  if (missing === undefined) return "the second version is open again";
  return now - loss.since > (await patience(context)) ? tooOften(context, loss, missing) : missing;
}

/** What was before a person has resumed the run does not count: they may have stopped whoever it was. */
async function knownLoss(context: Context): Promise<Loss> {
  const none = { times: 0, countedAt: 0, lookedAt: 0, givenUp: false, reason: "" };
  const known = await lossOf(context);
  const isOlder = (known?.lookedAt ?? 0) <= (context.run.resumedAt ?? -1);
  return known === undefined || isOlder ? { ...none, givenUp: known?.givenUp === true } : known;
}

/** Every second counts while the datastore is locked. */
async function patience(context: Context): Promise<number> {
  const isLocked = context.run.track === "forward" && (await context.stageOf("lock")) !== undefined;
  return isLocked ? LOCKED_OPEN_MS : OPEN_MS;
}

async function tooOften(context: Context, loss: Loss, missing: string): Promise<string> {
  if (context.run.track === "forward") return giveUp(context, loss, missing);
  await keepLoss(context, loss);
  throw new MigratorError(
    "SECOND_VERSION_LOST",
    `native objects cannot be reached to delete what this run created: ${missing}`,
    {
      next: "See who puts the CRDs of projectcalico.org back (kubectl get crd -o yaml --show-managed-fields), stop that, then `resume`.",
    },
  );
}

async function giveUp(context: Context, loss: Loss, reason: string): Promise<string> {
  await keepLoss(context, { ...loss, givenUp: true, reason });
  return `the second version was taken away: ${reason}`;
}

function writeOptions(context: Context): { fieldManager: string; timeoutMs: number } {
  return { fieldManager: fieldManager(context), timeoutMs: WRITE_TIMEOUT_MS };
}
