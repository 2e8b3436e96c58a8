import { NATIVE_KINDS, type NativeKind } from "../../calico/native/native-kinds.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { MigratorError } from "../../errors.ts";
import type { JsonObject } from "../../json.ts";
import { isKubernetesError } from "../../kubernetes/errors.ts";
import { textAt } from "../../kubernetes/fields.ts";
import type { Changes, ResourceRef } from "../../kubernetes/types.ts";
import { detailOf } from "../copying/ledger-detail.ts";
import { call, readTarget } from "../target/calls.ts";
import { BEGINNING, KindComparison, type Progress } from "./compare-kind.ts";
import { type Context, nativeVersion } from "./context.ts";
import { mendingCommands } from "./native-command.ts";
import { outlivedByKind } from "./outlived.ts";

const NAMED = 5;

/** For each kind, by its native plural, the version of its collection up to which native objects were compared. */
export type NativeSince = Readonly<Record<string, string>>;

/** Whether what changes in the old group is still caught up afterwards. */
type CatchingUp = "later" | "over";

/** What was written to native objects since they were compared; undefined of a kind where the server cannot tell. */
export type NativeChanges = ReadonlyMap<NativeKind, Changes | undefined>;

/** The versions of all native collections as they are now. */
export async function nativePresent(context: Context): Promise<NativeSince> {
  const versions = NATIVE_KINDS.map(async (kind): Promise<[string, string]> => [
    kind.plural,
    await versionOf(context, kind),
  ]);
  return Object.fromEntries(await Promise.all(versions));
}

/** Asks of all kinds at once what was written to native objects. */
export async function nativeChanges(context: Context, since: NativeSince): Promise<NativeChanges> {
  const reads = NATIVE_KINDS.map(
    async (kind) => [kind, await changesOf(context, kind, since[kind.plural])] as const,
  );
  return new Map(await Promise.all(reads));
}

/**
 * Judges what was written to native objects, by this run and by others, and what has outlived its v1 object, as the objects are
 * now; where the server could not tell, everything of the kind. Throws VERIFY_FAILED for what is not as it was copied, and for
 * what is no copy.
 *
 * @returns up to where native objects are compared.
 */
export async function judgeNativeChanges(
  context: Context,
  changes: NativeChanges,
  catchingUp: CatchingUp,
): Promise<NativeSince> {
  const since: Record<string, string> = {};
  const differing: Checkpoint[] = [];
  const outlived = await outlivedByKind(context);
  for (const [kind, told] of changes) {
    const comparison = await comparisonOf(context, kind, { catchingUp, differing });
    if (told !== undefined && !told.more) {
      since[kind.plural] = told.resourceVersion;
      const written = told.events.map(({ object }) => object);
      await comparison.these(await present(context, kind, [...written, ...(outlived.get(kind) ?? [])]));
      continue;
    }
    since[kind.plural] = await versionOf(context, kind);
    let at: Progress | undefined = BEGINNING;
    while (at !== undefined) at = await comparison.page(at);
  }
  if (differing.length > 0) throw await differs(context, differing);
  return since;
}

/** As `judgeNativeChanges`, of what has outlived its v1 object alone. */
export async function judgeOutlived(context: Context): Promise<void> {
  const differing: Checkpoint[] = [];
  for (const [kind, objects] of await outlivedByKind(context)) {
    const comparison = await comparisonOf(context, kind, { catchingUp: "later", differing });
    await comparison.these(await present(context, kind, objects));
  }
  if (differing.length > 0) throw await differs(context, differing);
}

/** Compares all native objects with their checkpoints, where nothing is known of what was written to them. */
export function judgeAllNatives(context: Context): Promise<NativeSince> {
  return judgeNativeChanges(context, new Map(NATIVE_KINDS.map((kind) => [kind, undefined])), "over");
}

async function versionOf(context: Context, kind: NativeKind): Promise<string> {
  const ref = await nativeResource(context, kind);
  const { connections, signal } = context;
  const options = { limit: 1, metadataOnly: true, signal };
  return (await call(context, () => connections.kubernetes.list(ref, options))).resourceVersion;
}

/** Takes what differs down in a list. */
function comparisonOf(
  context: Context,
  kind: NativeKind,
  { catchingUp: sourceChanged, differing }: { catchingUp: CatchingUp; differing: Checkpoint[] },
): Promise<KindComparison> {
  const report = (rows: readonly Checkpoint[]): Promise<void> => {
    differing.push(...rows);
    return Promise.resolve();
  };
  const judgement = { sourceChanged, changedByOthers: "difference", report } as const;
  return KindComparison.of(judgement, context, kind);
}

/** These objects as they are now: with the id of each, also of those that are gone. */
async function present(
  context: Context,
  kind: NativeKind,
  objects: readonly JsonObject[],
): Promise<{ at: JsonObject; object: JsonObject | undefined }[]> {
  const places = new Map(objects.map((object) => [placeOf(object), object]));
  const ref = await nativeResource(context, kind);
  return Promise.all(
    [...places.values()].map(async (at) => {
      const [namespace, name] = [textAt(at, "metadata", "namespace"), textAt(at, "metadata", "name")];
      const place = namespace === "" ? { ...ref, name } : { ...ref, namespace, name };
      return { at, object: await readTarget(context, place) };
    }),
  );
}

function placeOf(object: JsonObject): string {
  return `${textAt(object, "metadata", "namespace")}/${textAt(object, "metadata", "name")}`;
}

async function nativeResource(context: Context, { plural }: NativeKind): Promise<ResourceRef> {
  return { apiVersion: await nativeVersion(context), plural };
}

async function changesOf(
  context: Context,
  kind: NativeKind,
  resourceVersion: string | undefined,
): Promise<Changes | undefined> {
  if (resourceVersion === undefined) return undefined;
  const { connections, signal } = context;
  const ref = await nativeResource(context, kind);
  try {
    return await connections.kubernetes.changes(ref, { resourceVersion, signal });
  } catch (error) {
    if (isKubernetesError(error, "KUBERNETES_EXPIRED")) return undefined;
    throw error;
  }
}

async function differs(context: Context, rows: readonly Checkpoint[]): Promise<MigratorError> {
  const mend = mendingCommands(await nativeVersion(context), rows);
  const named = rows.slice(0, NAMED).map((row) => `${row.target} (${detailOf(row).reason ?? ""})`);
  const more = rows.length > NAMED ? `; and ${rows.length - NAMED} more` : "";
  return new MigratorError(
    "VERIFY_FAILED",
    `native objects are not what the old group means: ${named.join("; ")}${more}`,
    {
      next: `Put these native objects right and \`resume\`, or undo the run with \`abort\`.${mend}`,
      details: { resources: rows.map(({ target }) => target) },
    },
  );
}
