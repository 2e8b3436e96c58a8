import {
  NATIVE_KINDS,
  type NativeKind,
  pluralsWithoutConverter,
} from "../../../calico/native/native-kinds.ts";
import { shownThings } from "../../../engine/approvals.ts";
import type { Action, ApprovalRule, StageOutcome, WaitRequest } from "../../../engine/migration.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import { MigratorError } from "../../../errors.ts";
import type { JsonObject } from "../../../json.ts";
import { crdResource } from "../../../kubernetes/crds.ts";
import { objectsAt, textAt } from "../../../kubernetes/fields.ts";
import type { KubernetesApi } from "../../../kubernetes/types.ts";
import { backupPrefix } from "../../backup/parts.ts";
import type { ClusterConnections } from "../../connections.ts";
import { detailOf } from "../../copying/ledger-detail.ts";
import { deleteTarget, WRITE_TIMEOUT_MS } from "../../target/calls.ts";
import { rehearse } from "../../target/rehearse.ts";
import { rolloutOutcome } from "../../rollout.ts";
import { type Context, sendFor } from "../context.ts";
import { heldObjects } from "../held-objects.ts";
import { accept, notAccepted } from "../accepted-natives.ts";
import { awaitApproval, NATIVE_CHANGES } from "../late-native.ts";
import { throughNativeAction } from "../native-access.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { datastoreUsers } from "../workloads.ts";
import { compareAll, isUnchanged } from "./compare-before-cleanup.ts";
import { whyNotSwitched } from "./rollout.ts";
import { reads } from "../../target/reads.ts";

const OLD_GROUP = "crd.projectcalico.org";
const NAMED = 5;
const POLL_MS = 1000;
/** The API server deletes the objects of a definition first; finalizers of others may hold them. */
const GONE_MS = 900_000;
/** After how long it is worth asking which objects hold a definition. */
const SLOW_MS = 10_000;

const unconverted: ApprovalRule<ClusterConnections, ApiserverToCrdsOptions> = {
  subject: "unconverted",
  needed: async (context) => {
    const plurals = (await oldCrds(context)).map((crd) => textAt(crd, "spec", "names", "plural"));
    const lost = pluralsWithoutConverter(plurals);
    if (lost.length === 0) return undefined;
    const message = `deleting the old CRDs deletes what nothing has converted: ${lost.join(", ")}; only the backup keeps it`;
    return shownThings(message, lost);
  },
};

/** Data that was deleted cannot be undone: the first step of the way back says so, before anything is changed. */
const refuse: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "refuse-after-cleanup",
  title: "refuse to go back once old CRDs are deleted",
  act: async (context) => {
    if ((await context.notesOf("cleanup"))["deletingAt"] === undefined) return { done: true };
    throw new MigratorError(
      "OLD_GROUP_DELETED",
      `the CRDs of ${OLD_GROUP} are deleted, or were being deleted`,
      {
        next: `Keep the native group. To have the old objects again: \`calico-migrator restore ${context.run.runId} --side kubernetes\`.`,
      },
    );
  },
};

/**
 * Deletes every CRD of the old group with all objects in it, and waits until they are really gone. Before the first one it
 * makes sure that all of Calico's workloads run with the native group, that the backup is there, and that everything was
 * compared. That may be days ago: so everything is compared again, and right before each CRD is deleted it is made sure that
 * nothing was written to it since. CLEANUP_REFUSED otherwise. Throws CLEANUP_STUCK when CRDs do not go away.
 */
export const cleanup: Action<ClusterConnections, ApiserverToCrdsOptions> = throughNativeAction({
  kind: "action",
  name: "cleanup",
  title: "delete the old CRDs with everything in them",
  changesCluster: true,
  irreversible: true,
  approvals: [unconverted],
  asks: [{ subject: NATIVE_CHANGES, kind: "found" }],
  beyondUndo: ({ deletingAt }) =>
    deletingAt === undefined ? undefined : `the CRDs of ${OLD_GROUP} are deleted, or were being deleted`,
  undo: [refuse],
  act: async (context) => {
    const crds = await oldCrds(context);
    if (crds.length === 0) return { done: true };
    if (context.notes["deletingAt"] === undefined) await refuseUnlessSafe(context);
    const present = crds.filter((crd) => textAt(crd, "metadata", "deletionTimestamp") === "");
    const left = await removeCompared(context, present);
    return left ?? gone(context, await oldCrds(context));
  },
});

/** Deletes the definitions to which nothing was written since they were compared; gives what the run has to wait for. */
async function removeCompared(
  context: Context,
  present: readonly JsonObject[],
): Promise<{ wait: WaitRequest } | undefined> {
  const kinds = new Map(present.map((crd) => [crd, kindOf(crd)]));
  const { differing, late, since } = await compareAll(context, [...kinds.values()].filter(isKnown));
  if (differing.length > 0) throw different(differing);
  const fresh = await notAccepted(context, late);
  const unapproved = await awaitApproval(context, [fresh]);
  if (unapproved !== undefined) return unapproved;
  await accept(context, fresh);
  if (context.notes["deletingAt"] === undefined) await refuseUnlessDeletable(context, present);
  let begun: Promise<void> | undefined;
  const removals = present.map(async (crd) => {
    const known = since.get(kinds.get(crd)?.v1Plural ?? "");
    const kind = kinds.get(crd);
    if (kind !== undefined && known !== undefined && !(await isUnchanged(context, kind, known))) return crd;
    await (begun ??= begin(context));
    await remove(context, crd);
    return undefined;
  });
  const written = (await Promise.all(removals)).filter((crd) => crd !== undefined);
  if (written.length === 0) return undefined;
  const message = `compared again, as somebody has just written to them: ${written.map(nameOf).join(", ")}`;
  return { wait: { reason: "Gate", message, retryAfterMs: POLL_MS } };
}

/**
 * Every deletion is tried by a dry run before the first one is made: with half of the old group deleted, the run
 * could neither go back nor come to its end.
 */
async function refuseUnlessDeletable(context: Context, crds: readonly JsonObject[]): Promise<void> {
  const rehearsals = crds.map((crd) => ({
    what: `delete ${nameOf(crd)}`,
    try: (api: KubernetesApi) =>
      api.delete({ ...crdResource, name: nameOf(crd) }, { dryRun: true, timeoutMs: WRITE_TIMEOUT_MS }),
  }));
  const { refused: denied } = await rehearse(sendFor(context), rehearsals);
  if (denied.length === 0) return;
  const more = denied.length > NAMED ? `; and ${denied.length - NAMED} more` : "";
  throw refused(`not all of them may be: ${denied.slice(0, NAMED).join("; ")}${more}`);
}

async function begin(context: Context): Promise<void> {
  if (context.notes["deletingAt"] === undefined) await context.record({ deletingAt: context.clock.now() });
}

function kindOf(crd: JsonObject): NativeKind | undefined {
  return NATIVE_KINDS.find(({ v1Plural }) => v1Plural === textAt(crd, "spec", "names", "plural"));
}

function isKnown(kind: NativeKind | undefined): kind is NativeKind {
  return kind !== undefined;
}

async function refuseUnlessSafe(context: Context): Promise<void> {
  const parts = await context.artifacts.list(backupPrefix(context.run.runId, "kubernetes"));
  if ((await context.stageOf("backup"))?.state !== "done" || parts.length === 0)
    throw refused("this run's backup is not there");
  if ((await context.stageOf("verify-all"))?.state !== "done")
    throw refused("not everything was compared yet");
  const reason = await whyNotSwitched(context);
  if (reason !== undefined) throw refused(reason);
  const outcome = rolloutOutcome((await datastoreUsers(context)).map(({ object }) => object));
  if ("wait" in outcome) throw refused(outcome.wait.message);
}

/** Definitions with their schemas are large: only names and what tells of their deletion are kept of them. */
async function oldCrds(context: Context): Promise<JsonObject[]> {
  const found: JsonObject[] = [];
  for await (const page of reads(context).pages(crdResource, { pageSize: 50, signal: context.signal }))
    for (const { metadata, spec, status } of page)
      if (textAt({ spec }, "spec", "group") === OLD_GROUP)
        found.push({ metadata, spec: { names: spec === undefined ? {} : namesOf({ spec }) }, status });
  return found;
}

function namesOf(crd: JsonObject): JsonObject {
  return { plural: textAt(crd, "spec", "names", "plural") };
}

async function remove(context: Context, crd: JsonObject): Promise<void> {
  await deleteTarget(context, { ...crdResource, name: nameOf(crd) }, textAt(crd, "metadata", "uid"));
}

async function gone(context: Context, left: readonly JsonObject[]): Promise<StageOutcome> {
  if (left.length === 0) {
    await context.announce("cleanup.done", {});
    return { done: true };
  }
  // A person who resumes has mended something, and the API server needs a moment to go on.
  const since = Math.max(Number(context.notes["deletingAt"]), context.run.resumedAt ?? 0);
  const waited = context.clock.now() - since;
  const isSlow = waited > SLOW_MS;
  const first = left.slice(0, NAMED);
  const described = isSlow ? await Promise.all(first.map((crd) => holding(context, crd))) : first.map(nameOf);
  const more = left.length > NAMED ? `; and ${left.length - NAMED} more` : "";
  const message = `old CRDs are still being deleted: ${described.join("; ")}${more}`;
  if (waited > GONE_MS) throw stuck(message);
  return { wait: { reason: "Gate", message, retryAfterMs: POLL_MS } };
}

/** A definition with the objects that hold it, or else with what the API server says of its deletion. */
async function holding(context: Context, crd: JsonObject): Promise<string> {
  const held = await heldObjects(context, {
    apiVersion: `${OLD_GROUP}/v1`,
    plural: textAt(crd, "spec", "names", "plural"),
  });
  const condition = objectsAt(crd, "status", "conditions").find(({ type }) => type === "Terminating");
  const why = held === "" ? textAt(condition ?? {}, "message") : `held are ${held}`;
  return `${nameOf(crd)}${why === "" ? "" : ` (${why})`}`;
}

function nameOf(crd: JsonObject): string {
  return textAt(crd, "metadata", "name");
}

function refused(reason: string): MigratorError {
  return new MigratorError("CLEANUP_REFUSED", `the old CRDs are not deleted: ${reason}`, {
    next: "Mend that, then `resume`.",
  });
}

/** What nobody would have after the deletion. */
function different(rows: readonly Checkpoint[]): MigratorError {
  const named = rows.slice(0, NAMED).map((row) => `${row.target} (${detailOf(row).reason ?? ""})`);
  const more = rows.length > NAMED ? `; and ${rows.length - NAMED} more` : "";
  const what = `the old group is not what the native group is: ${named.join("; ")}${more}`;
  return new MigratorError("CLEANUP_REFUSED", `the old CRDs are not deleted: ${what}`, {
    next: "Write to the native objects what these v1 objects mean (projectcalico.org/v3), or delete both, then `resume`.",
    details: { resources: rows.map(({ key }) => key) },
  });
}

function stuck(message: string): MigratorError {
  return new MigratorError("CLEANUP_STUCK", message, {
    next: "Let whoever has set the finalizers of these objects take them off (`kubectl get RESOURCE.crd.projectcalico.org -A -o yaml`), then `resume`.",
  });
}
