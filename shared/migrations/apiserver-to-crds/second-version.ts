import { crdNames } from "../../calico/kinds.ts";
import { crdStates } from "../../kubernetes/crds.ts";
import {
  closeSecondVersions,
  openSecondVersions,
  type SecondVersionState,
  secondVersionStates,
} from "../../kubernetes/second-version-calls.ts";
import { fieldManager } from "../context.ts";
import { WRITE_TIMEOUT_MS } from "../target/calls.ts";
import { type Context, isPrecopied, sendFor } from "./context.ts";

/** The names of the native CRDs of all kinds of Calico. */
export function nativeCrdNames(): string[] {
  return crdNames("projectcalico.org/v3");
}

/**
 * Why native objects cannot be written and read through the second version now, although this run has opened it: somebody,
 * such as Helm, the operator or a GitOps tool, has put a definition back. Undefined while it is open everywhere, and
 * where this run never opened it or has closed it. Opening it again is harmless: `openAgain`.
 */
export async function secondVersionLost(context: Context): Promise<string | undefined> {
  if (!(await isPrecopied(context)) || (await context.stageOf("close-second-version")) !== undefined)
    return undefined;
  const states = await secondVersionStates(sendFor(context), nativeCrdNames());
  return describeStates(states.filter(({ state }) => state !== "served" && state !== "opening"));
}

/** Opens the second version of these definitions where it is not, and says why it cannot be used yet; undefined when it can. */
export async function openAgain(context: Context, names = nativeCrdNames()): Promise<string | undefined> {
  return describeStates((await open(context, names)).filter(({ state }) => state !== "served"));
}

/** As `openAgain`, and gives the state of each definition. */
export function open(context: Context, names: readonly string[]): Promise<SecondVersionState[]> {
  return openSecondVersions(sendFor(context), names, writeOptions(context));
}

/** Takes the second version off these definitions where they are there. Throws SECOND_VERSION_STORED. */
export async function close(context: Context, names: readonly string[] = nativeCrdNames()): Promise<void> {
  const { kubernetes } = context.connections;
  const states = await crdStates(kubernetes, names, { signal: context.signal });
  const present = states.filter((one) => one.present).map(({ name }) => name);
  await closeSecondVersions(sendFor(context), present, writeOptions(context));
}

/** What the definitions are, in a sentence; undefined for none. */
export function describeStates(states: readonly SecondVersionState[]): string | undefined {
  if (states.length === 0) return undefined;
  return states
    .map(({ name, state, reason }) => `${name} is ${state}${reason === "" ? "" : ` (${reason})`}`)
    .join(", ");
}

function writeOptions(context: Context): { fieldManager: string; timeoutMs: number } {
  return { fieldManager: fieldManager(context), timeoutMs: WRITE_TIMEOUT_MS };
}
