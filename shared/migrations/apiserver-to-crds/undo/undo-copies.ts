import type { Sweep } from "../../../engine/migration.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import { crdResource } from "../../../kubernetes/crds.ts";
import type { ClusterConnections } from "../../connections.ts";
import { undoCopiesSweep } from "../../copying/undo-copies.ts";
import { type Context, isPrecopied, SECOND, wasPrecopied } from "../context.ts";
import { throughNative } from "../native-access.ts";
import { DefinitionGoneError } from "../native-api.ts";
import { definedOf, nativeCrdNames } from "../native-definitions.ts";
import { nativeRefOf } from "../native-ref.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { LEFTOVERS } from "./leftovers.ts";
import { keepNativeWrites } from "./native-writes.ts";
import { wasUnlocked } from "./shown-late.ts";
import { isProtectedTier } from "../protected-tier.ts";
import { patientSweep } from "./patience.ts";

/**
 * Deletes the native objects that this run created, through the second version: projectcalico.org/v3 may be the old group's
 * again. The v1 objects were never written. Fails with SECOND_VERSION_LOST where somebody lets nobody open it; by then
 * nothing is locked any more.
 */
export const undoCopies = throughNative(
  undoNative("delete-copies", SECOND, {
    isDue: wasPrecopied,
    // By now the garbage collector may have taken copies whose native owners are hidden.
    looks: async (context) => (await wasPrecopied(context)) && !(await wasUnlocked(context)),
  }),
  () => Promise.resolve(false),
);

/**
 * The same before the aggregated API server is back, where native objects cannot be reached once it is. The old group is still
 * locked, so what cannot be deleted is left. After the unlock others may have written natively until now, whose writes are kept here.
 */
export const undoCopiesEarly = patientSweep(
  throughNative(
    undoNative("delete-copies-early", "projectcalico.org/v3", {
      isDue: async (context) => !(await isPrecopied(context)),
      looks: async (context) => !(await isPrecopied(context)) || (await wasUnlocked(context)),
    }),
    () => Promise.resolve(true),
  ),
);

/** When copies are deleted, and when it is looked before what others have written. */
interface When {
  isDue: (context: Context) => Promise<boolean>;
  looks: (context: Context) => Promise<boolean>;
}

function undoNative(
  name: string,
  version: string,
  { isDue, looks }: When,
): Sweep<ClusterConnections, ApiserverToCrdsOptions> {
  const sweep = undoCopiesSweep<ApiserverToCrdsOptions>({
    name,
    refOf: () => Promise.resolve((row) => nativeRefOf(row, version)),
    mayStay: (row, error) => error instanceof DefinitionGoneError || isProtectedTier(row, error),
  });
  return {
    ...sweep,
    plan: async (context, cursor) => {
      const due = await isDue(context);
      if (cursor === undefined) {
        const there = new Set(await definedOf(context, nativeCrdNames()));
        if (due) await noteGone(context, there);
        if (await looks(context)) await keepNativeWrites(context, version, there);
      }
      return due ? sweep.plan(context, cursor) : { batches: [], done: true };
    },
  };
}

/** A definition that somebody else has deleted has taken along what was copied into it: nothing is left to do there. */
async function noteGone(context: Context, there: ReadonlySet<string>): Promise<void> {
  const gone = nativeCrdNames().filter((name) => !there.has(name));
  await context.ledger(LEFTOVERS).put(gone.map((name) => goneRow(name)));
}

function goneRow(name: string): Checkpoint {
  const target = `${crdResource.apiVersion}/${crdResource.plural}/${name}`;
  const reason = "it was deleted by somebody else during the run, and what was copied into it went with it";
  return { rank: 0, key: target, target, state: "pending", sourceRevision: 0, detail: { reason } };
}
