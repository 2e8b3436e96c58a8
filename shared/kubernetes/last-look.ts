import type { JsonObject } from "../json.ts";
import { crdState } from "./crds.ts";
import { objectAt, objectsAt, textAt } from "./fields.ts";
import { SECOND_VERSION, storesSecondVersion } from "./second-version.ts";

/**
 * The version through which a definition that is about to go is looked into, when it serves no other any more: nobody knows it,
 * so nobody creates anything between the look and the deletion.
 */
export const LAST_LOOK = "lastlook";

/**
 * The merge patch that makes a definition serve what it holds as LAST_LOOK alone, its second version taken off; undefined where it
 * cannot, see {@link whyNotClosable}.
 */
export function closedForLastLook(crd: JsonObject): JsonObject | undefined {
  const stored = storedVersion(crd);
  if (stored === undefined || whyNotClosable(crd) !== undefined) return undefined;
  const { deprecated, deprecationWarning, ...copy } = stored;
  return versionsPatch(crd, [
    ...lastingVersions(crd).map((version) => ({ ...version, served: false })),
    { ...copy, name: LAST_LOOK, served: true, storage: false },
  ]);
}

/** Why a definition cannot be made to serve LAST_LOOK alone, and as it was again; undefined where it can. */
export function whyNotClosable(crd: JsonObject): string | undefined {
  const { established, reason } = crdState(crd);
  if (!established) return reason;
  // The webhook that converts does not know the version LAST_LOOK.
  if (textAt(crd, "spec", "conversion", "strategy") === "Webhook") return "a webhook converts its versions";
  if (storesSecondVersion(crd)) return `it stores objects as ${SECOND_VERSION}`;
  // While only LAST_LOOK is served, nothing on the definition tells which of the other versions were served before.
  if (lastingVersions(crd).some(({ served }) => served !== true)) return "not all of its versions are served";
  return storedVersion(crd) === undefined ? "it stores no version" : undefined;
}

function storedVersion(crd: JsonObject): JsonObject | undefined {
  return lastingVersions(crd).find(({ storage }) => storage === true);
}

/** The versions of a definition without the second version, which a run may have opened. */
function lastingVersions(crd: JsonObject): JsonObject[] {
  return objectsAt(crd, "spec", "versions").filter(({ name }) => name !== SECOND_VERSION);
}

/** The merge patch that takes this back; undefined where there is nothing to take back. */
export function openedAfterLastLook(crd: JsonObject): JsonObject | undefined {
  const versions = objectsAt(crd, "spec", "versions");
  const others = versions.filter(({ name }) => name !== LAST_LOOK);
  if (others.length === versions.length) return undefined;
  return versionsPatch(
    crd,
    others.map((version) => ({ ...version, served: true })),
  );
}

/** True where nothing but the last look is served. */
export function isClosedForLastLook(crd: JsonObject): boolean {
  const { served } = crdState(crd);
  return served.length === 1 && served[0] === LAST_LOOK;
}

/** It applies only to the definition as it was read. */
function versionsPatch(crd: JsonObject, versions: JsonObject[]): JsonObject {
  const { uid, resourceVersion } = objectAt(crd, "metadata");
  return { metadata: { uid, resourceVersion }, spec: { versions } };
}
