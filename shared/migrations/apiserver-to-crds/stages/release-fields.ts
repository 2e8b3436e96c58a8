import type { Sweep } from "../../../engine/migration.ts";
import type { ClusterConnections } from "../../connections.ts";
import { isPrecopied, nativeVersion, SECOND, wasPrecopied } from "../context.ts";
import { throughNative } from "../native-access.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { releaseNative } from "../release-native.ts";
import { patientSweep } from "../undo/patience.ts";

type Stage = Sweep<ClusterConnections, ApiserverToCrdsOptions>;

const FORWARD = {
  versionOf: nativeVersion,
  to: "old",
} as const;

/**
 * Once nothing is locked any more: from here on this run's objects are known by their UIDs alone. Until then it owns every
 * field of them, so that nobody else could take one off.
 */
export const releaseFields: Stage = {
  ...throughNative(
    releaseNative({
      ...FORWARD,
      name: "release-fields",
      title: "give the fields of native objects to whoever managed them in the old group",
    }),
  ),
  changesCluster: true,
};

/** Before the second version goes: an object that still names it could not be applied any more. */
export const releaseFieldsLast: Stage = {
  ...throughNative(
    releaseNative({
      ...FORWARD,
      name: "release-fields-last",
      title: "see that no native object names this run or the second version",
    }),
  ),
  changesCluster: true,
};

/** What is left of native objects on the way back was there before, or cannot be deleted. */
export const releaseFieldsBack: Stage = throughNative(
  releaseNative({
    to: "before",
    name: "release-fields-back",
    title: "give the fields of native objects back to whoever managed them",
    versionOf: () => Promise.resolve(SECOND),
    isDue: wasPrecopied,
  }),
  () => Promise.resolve(false),
);

/** The same without a second version, before the aggregated API server is back and hides native objects. */
export const releaseFieldsEarly: Stage = patientSweep(
  throughNative(
    releaseNative({
      to: "before",
      name: "release-fields-early",
      title: "give the fields of native objects back to whoever managed them, while they can be reached",
      versionOf: () => Promise.resolve("projectcalico.org/v3"),
      isDue: async (context) => !(await isPrecopied(context)),
    }),
    () => Promise.resolve(true),
  ),
);
