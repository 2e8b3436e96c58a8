import { z } from "zod";
import type { NativeKind } from "../../calico/native/native-kinds.ts";
import type { Ledger } from "../../engine/ledger.ts";
import type { StageContext } from "../../engine/migration.ts";
import type { ResourceRef, Send } from "../../kubernetes/types.ts";
import type { ClusterConnections } from "../connections.ts";
import { call } from "../target/calls.ts";
import type { ApiserverToCrdsOptions } from "./options.ts";
import { Findings } from "./preflight/findings.ts";
import { lossOf } from "./second-version-loss.ts";

/** What the stages of this migration get. */
export type Context = StageContext<ClusterConnections, ApiserverToCrdsOptions>;

/** One checkpoint for every v1 object that is carried, by its id in the old group. */
export function resources(context: Pick<Context, "ledger">): Ledger {
  return context.ledger("resources");
}

/** v1 objects that changed since the copy, by the same ids. */
export function changed(context: Pick<Context, "ledger">): Ledger {
  return context.ledger("changes");
}

/** v1 objects that cannot be copied as they are, each with all reasons, by the same ids. */
export function blockers(context: Pick<Context, "ledger">): Ledger {
  return context.ledger("blockers");
}

/** v1 objects whose native ones cannot be tried by a dry run, by the same ids. */
export function untried(context: Pick<Context, "ledger">): Ledger {
  return context.ledger("untried");
}

/** Objects that are not Calico's and belong to Calico objects, with the references that were taken off. */
export function foreignOwners(context: Pick<Context, "ledger">): Ledger {
  return context.ledger("foreign-owners");
}

/** Tools that were paused, with what was found. */
export function pausedManagers(context: Pick<Context, "ledger">): Ledger {
  return context.ledger("gitops");
}

/** Requests of a stage: through the limiter, while the lease is held, with the tries that reads and repeatable writes get. */
export function sendFor(context: Context): Send {
  return (request) => call(context, () => request(context.connections.kubernetes));
}

/** What preflight found out for the stages after it. */
export async function findings(context: Context): Promise<Findings> {
  return Findings.parse((await context.notesOf("preflight"))["findings"]);
}

/** The apiVersion through which native objects are reached while the aggregated API server serves projectcalico.org/v3. */
export const SECOND = "projectcalico.org/v3precopy";

const Opened = z.object({ precopy: z.boolean() });

/** True when this run has opened the second version, whatever has become of it since. */
export async function wasPrecopied(context: Context): Promise<boolean> {
  const opened = Opened.safeParse(await context.notesOf("open-second-version"));
  return opened.success && opened.data.precopy;
}

/** True when native objects can be written while the aggregated API server serves. */
export async function isPrecopied(context: Context): Promise<boolean> {
  return (await wasPrecopied(context)) && (await lossOf(context))?.givenUp !== true;
}

/** True on the way forward from the stage on that has removed the aggregated APIService: projectcalico.org/v3 is native. */
export async function isRemoved(context: Context): Promise<boolean> {
  const isForward = context.run.track === "forward";
  return isForward && (await context.stageOf("remove-apiservice"))?.state === "done";
}

/** Under which apiVersion native objects are written and read: the second version while it is open, else v3. */
export async function nativeVersion(context: Context): Promise<string> {
  // Undoing opens it again, before anything of v1's is served as v3 again.
  const isForward = context.run.track === "forward";
  const isClosed = isForward && (await context.stageOf("close-second-version")) !== undefined;
  const isOpen = !isClosed && (await isPrecopied(context));
  return isOpen ? SECOND : "projectcalico.org/v3";
}

/** Where the v1 objects of a kind are. */
export function v1Resource({ v1Plural }: Pick<NativeKind, "v1Plural">): ResourceRef {
  return { apiVersion: "crd.projectcalico.org/v1", plural: v1Plural };
}
