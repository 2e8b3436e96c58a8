import type { Sweep } from "../../../engine/migration.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import { isKubernetesError } from "../../../kubernetes/errors.ts";
import type { ClusterConnections } from "../../connections.ts";
import { undoCopiesSweep } from "../../copying/undo-copies.ts";
import { PROTECTED_TIERS } from "../../../calico/built-in.ts";
import { nativeVersion } from "../context.ts";
import { nativeDetailOf } from "../native-detail.ts";
import { nativeRefOf } from "../native-ref.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";

/** Deletes the native objects that this run created. The v1 objects were never written. */
export const undoCopies = undoNative("delete-copies");

/** The same before the aggregated API server is back, where native objects cannot be reached once it is. */
export const undoCopiesEarly = undoNative("delete-copies-early");

function undoNative(name: string): Sweep<ClusterConnections, ApiserverToCrdsOptions> {
  return undoCopiesSweep<ApiserverToCrdsOptions>({
    name,
    refOf: async (context) => {
      const version = await nativeVersion(context);
      return (row) => nativeRefOf(row, version);
    },
    mayStay: isProtected,
  });
}

/** Calico's admission policy `protect-builtin-tiers` lets nobody delete these; nothing reads them before the next migration. */
function isProtected(row: Checkpoint, error: unknown): boolean {
  const { kind, name } = nativeDetailOf(row);
  const refused = ["KUBERNETES_INVALID", "KUBERNETES_FORBIDDEN"].some((code) =>
    isKubernetesError(error, code),
  );
  return refused && kind === "Tier" && PROTECTED_TIERS.has(name);
}
