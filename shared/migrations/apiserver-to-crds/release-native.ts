import type { Sweep } from "../../engine/migration.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { isJsonObject, type JsonObject } from "../../json.ts";
import { objectsAt } from "../../kubernetes/fields.ts";
import type { ClusterConnections } from "../connections.ts";
import { detailOf } from "../copying/ledger-detail.ts";
import { readTarget } from "../target/calls.ts";
import { releaseSweep, type ReleaseTraits } from "../target/release-sweep.ts";
import { carriedManagers } from "./carried-managers.ts";
import { lockedBefore } from "./cluster-information.ts";
import { type Context, SECOND } from "./context.ts";
import type { ApiserverToCrdsOptions } from "./options.ts";
import { v1Ref } from "./v1-ref.ts";
import { idOf, KIND_OF } from "./run-objects.ts";

const LOCK = "clusterinformations";

/** When and through what native objects are released. */
interface NativeTraits extends Pick<ReleaseTraits<ApiserverToCrdsOptions>, "name" | "title" | "isDue"> {
  /** The apiVersion through which native objects are reached. */
  versionOf: (context: Context) => Promise<string>;
  /** Forward, fields go to whoever managed them in the old group; back, to whoever managed them before. */
  to: "old" | "before";
}

/**
 * Takes every trace of a run and of the second version off the managed fields of all native objects. Once the second version
 * is closed, server-side apply answers 500 for what still names it.
 */
export function releaseNative({
  versionOf,
  to,
  ...traits
}: NativeTraits): Sweep<ClusterConnections, ApiserverToCrdsOptions> {
  return releaseSweep<ApiserverToCrdsOptions>({
    ...traits,
    resourcesOf: async (context) => {
      const apiVersion = await versionOf(context);
      return [...KIND_OF.keys()].map((plural) => ({ apiVersion, plural }));
    },
    renamed: { [SECOND]: "projectcalico.org/v3" },
    idOf,
    managersOf: async (context, { plural, row }) => {
      if (plural === LOCK) return lockManagers(context, to);
      if (row === undefined) return [];
      return to === "before" ? managersBefore(row) : managersOf(context, row);
    },
  });
}

/** Of a copy those of its v1 object; what was there before this run keeps its own. */
async function managersOf(context: Context, row: Checkpoint): Promise<readonly JsonObject[]> {
  const { created, resolved } = detailOf(row);
  if (created !== true && resolved !== "source") return managersBefore(row);
  const v1 = await readTarget(context, v1Ref(row.key).ref);
  return v1 === undefined ? [] : carriedManagers(v1);
}

/** What is put back as it was belongs again to whom it belonged then. */
function managersBefore(row: Checkpoint): readonly JsonObject[] {
  const { before } = detailOf(row);
  return isJsonObject(before) ? objectsAt(before, "metadata", "managedFields") : [];
}

/** The native ClusterInformation is a copy of the old group's where there was none; on the way back there is none then. */
async function lockManagers(context: Context, to: "old" | "before"): Promise<readonly JsonObject[]> {
  const { old, native } = await lockedBefore(context);
  if (native !== undefined) return objectsAt(native, "metadata", "managedFields");
  return to === "before" || old === undefined ? [] : carriedManagers(old);
}
