import type { JsonObject } from "../json.ts";
import { crdState } from "./crds.ts";
import { objectAt, objectsAt, textAt } from "./fields.ts";

/**
 * The version through which a definition that is about to go is looked into, when it serves no other any more: nobody knows it,
 * so nobody creates anything between the look and the deletion.
 */
export const LAST_LOOK = "lastlook";

/** The merge patch that makes a definition serve what it holds as LAST_LOOK alone; undefined where it cannot. */
export function closedForLastLook(crd: JsonObject): JsonObject | undefined {
  const { established, served, storage } = crdState(crd);
  const converts = textAt(crd, "spec", "conversion", "strategy") === "Webhook";
  const [version, ...others] = objectsAt(crd, "spec", "versions");
  if (!established || converts || version === undefined || others.length > 0) return undefined;
  if (served.length === 0 || storage === LAST_LOOK) return undefined;
  const { deprecated, deprecationWarning, ...copy } = version;
  return versionsPatch(crd, [
    { ...version, served: false },
    { ...copy, name: LAST_LOOK, served: true, storage: false },
  ]);
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
