import { z } from "zod";
import { crdNames } from "../../calico/kinds.ts";
import { MigratorError } from "../../errors.ts";
import { crdResource, crdStates } from "../../kubernetes/crds.ts";
import type { JsonObject } from "../../json.ts";
import { textAt } from "../../kubernetes/fields.ts";
import { runsOn } from "../../kubernetes/managed-fields.ts";
import { readTarget } from "../target/calls.ts";
import { reads } from "../target/reads.ts";
import type { Context } from "./context.ts";

const NAMED = 5;

/** UIDs of definitions by name, as far as a run has recorded them: runs of old have not. */
const Noted = z.object({ definitions: z.record(z.string(), z.string()).default({}) });

/** The names of the native CRDs of all kinds of Calico. */
export function nativeCrdNames(): string[] {
  return crdNames("projectcalico.org/v3");
}

/** The UIDs of the native CRDs as they are now: one that is deleted takes all that was copied into it along. */
export async function definitionUids(context: Context): Promise<Record<string, string>> {
  const uids: Record<string, string> = {};
  for (const crd of await definitions(context))
    if (textAt(crd, "metadata", "deletionTimestamp") === "")
      uids[textAt(crd, "metadata", "name")] = textAt(crd, "metadata", "uid");
  return uids;
}

/** By native CRD, the other runs that have created it, or opened its second version, and are not over. */
export async function otherRunsOnDefinitions(context: Context): Promise<ReadonlyMap<string, string[]>> {
  const { runId } = context.run;
  const marks = (await definitions(context)).map((crd): [string, string[]] => [
    textAt(crd, "metadata", "name"),
    runsOn(crd).filter((run) => run !== runId),
  ]);
  return new Map(marks.filter(([, runs]) => runs.length > 0));
}

/** Two runs of two stores may have looked at the same moment. Throws CLUSTER_USED_BY_OTHER. */
export async function refuseOtherRuns(context: Context): Promise<void> {
  const marks = await otherRunsOnDefinitions(context);
  const [run] = [...marks.values()].flat();
  if (run === undefined) return;
  throw new MigratorError(
    "CLUSTER_USED_BY_OTHER",
    `run "${run}" of another store is under way on this cluster: its mark is on ${marks.size} native CRDs`,
    {
      next: `Undo this run with \`abort\`; or finish run ${run} where it was started, or undo it there, then \`resume\`.`,
    },
  );
}

/** The native CRDs without their schemas, which are large. */
async function definitions(context: Context): Promise<JsonObject[]> {
  const names = new Set(nativeCrdNames());
  const found: JsonObject[] = [];
  for await (const page of reads(context).pages(crdResource, { metadataOnly: true, signal: context.signal }))
    found.push(...page.filter((crd) => names.has(textAt(crd, "metadata", "name"))));
  return found;
}

/** Of these definitions those that are there. */
export async function definedOf(context: Context, names: readonly string[]): Promise<string[]> {
  const states = await crdStates(reads(context), names, { signal: context.signal });
  return states.filter(({ present }) => present).map(({ name }) => name);
}

/** True for a native resource whose definition is gone. */
export async function isUndefined(context: Context, plural: string): Promise<boolean> {
  const name = `${plural}.projectcalico.org`;
  return (
    nativeCrdNames().includes(name) && (await readTarget(context, { ...crdResource, name })) === undefined
  );
}

/**
 * Throws NATIVE_CRD_LOST where a native CRD that this run counts on is gone, or another one by now: waiting would not bring back
 * what was copied into it.
 */
export async function refuseLostDefinitions(context: Context): Promise<void> {
  const uids = await definitionUids(context);
  const { definitions: noted } = Noted.parse(await context.notesOf("open-second-version"));
  const faults = nativeCrdNames().flatMap((name) => {
    const [uid, known] = [uids[name], noted[name]];
    if (uid === undefined) return [`${name} is gone`];
    return known === undefined || known === uid
      ? []
      : [`${name} is another one than this run has copied into`];
  });
  if (faults.length > 0) throw lost(faults);
}

/**
 * Right before the lock: every native CRD is there, is the one that was copied into, and serves and stores v3; inside the lock
 * nothing could be done about it. Throws NATIVE_CRD_LOST, and NATIVE_CRD_UNFIT where it may be mended.
 */
export async function refuseUnfitDefinitions(context: Context): Promise<void> {
  await refuseLostDefinitions(context);
  const states = await crdStates(reads(context), nativeCrdNames(), { signal: context.signal });
  const faults = states.flatMap(({ name, reason, established, storage, served }) => {
    if (!established) return [`${name}: ${reason}`];
    if (storage !== "v3") return [`${name} stores ${storage ?? "nothing"}, not v3`];
    return served.includes("v3") ? [] : [`${name} does not serve v3`];
  });
  if (faults.length === 0) return;
  throw new MigratorError("NATIVE_CRD_UNFIT", `native CRDs cannot be used: ${named(faults)}`, {
    next: "Apply these CRDs of your Calico release as they are, see that they are established, then `resume`; or undo the run with `abort`.",
    details: { faults },
  });
}

function lost(faults: readonly string[]): MigratorError {
  return new MigratorError("NATIVE_CRD_LOST", `native CRDs were deleted during the run: ${named(faults)}`, {
    next: "What was copied into them went with them: undo the run with `rollback`, see that nobody deletes native CRDs, and start again.",
    details: { faults },
  });
}

function named(faults: readonly string[]): string {
  const more = faults.length > NAMED ? `; and ${faults.length - NAMED} more` : "";
  return `${faults.slice(0, NAMED).join("; ")}${more}`;
}
