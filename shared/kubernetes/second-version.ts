import { canonicalJson, type JsonObject } from "../json.ts";
import { crdState } from "./crds.ts";
import { objectAt, objectsAt, textAt } from "./fields.ts";

/** The name of the second version: objects can be written and read through it while an API service serves the first one. */
export const SECOND_VERSION = "v3precopy";

/** The version that is served twice. */
const FIRST_VERSION = "v3";

/** What a CustomResourceDefinition says of the second version. */
export type SecondVersion =
  | { state: "open" }
  | { state: "closed" }
  /** It is there, but no longer a served copy of the first one: somebody has changed the definition since. */
  | { state: "stale" }
  | { state: "impossible"; reason: string };

/** Judges a CustomResourceDefinition. */
export function secondVersion(crd: JsonObject): SecondVersion {
  const reason = whyImpossible(crd);
  if (reason !== undefined) return { state: "impossible", reason };
  const found = versionOf(crd, SECOND_VERSION);
  if (found === undefined) return { state: "closed" };
  return { state: canonicalJson(found) === canonicalJson(copyOfFirst(crd)) ? "open" : "stale" };
}

/**
 * The merge patch that makes a CustomResourceDefinition serve its version v3 under the second name as well: schema,
 * subresources, selectable fields and columns are copies, and it is not stored. Undefined when it does so. The patch applies only to
 * the definition as given: KUBERNETES_CONFLICT otherwise. Not for definitions whose second version is `impossible`.
 */
export function withSecondVersion(crd: JsonObject): JsonObject | undefined {
  if (secondVersion(crd).state === "open") return undefined;
  return versionsPatch(crd, [...otherVersions(crd), copyOfFirst(crd)]);
}

/** The merge patch that takes the second version away, on the same condition; undefined when there is none. */
export function withoutSecondVersion(crd: JsonObject): JsonObject | undefined {
  if (versionOf(crd, SECOND_VERSION) === undefined) return undefined;
  return versionsPatch(crd, otherVersions(crd));
}

/** True when objects are, or once were, stored under the second version: then it must not be taken away. */
export function storesSecondVersion(crd: JsonObject): boolean {
  const stored = objectAt(crd, "status")["storedVersions"];
  if (Array.isArray(stored) && stored.includes(SECOND_VERSION)) return true;
  return versionOf(crd, SECOND_VERSION)?.["storage"] === true;
}

function whyImpossible(crd: JsonObject): string | undefined {
  const { established, reason, storage, served } = crdState(crd);
  if (!established) return reason;
  if (textAt(crd, "spec", "conversion", "strategy") === "Webhook") return "a webhook converts its versions";
  if (storage !== FIRST_VERSION) return `it stores ${storage ?? "no version"}, not ${FIRST_VERSION}`;
  return served.includes(FIRST_VERSION) ? undefined : `it does not serve ${FIRST_VERSION}`;
}

function versionOf(crd: JsonObject, name: string): JsonObject | undefined {
  return objectsAt(crd, "spec", "versions").find((version) => version["name"] === name);
}

function otherVersions(crd: JsonObject): JsonObject[] {
  return objectsAt(crd, "spec", "versions").filter((version) => version["name"] !== SECOND_VERSION);
}

/** A version that is deprecated would only make the API server warn at every request. */
function copyOfFirst(crd: JsonObject): JsonObject {
  const { deprecated, deprecationWarning, ...first } = versionOf(crd, FIRST_VERSION) ?? {};
  return { ...first, name: SECOND_VERSION, served: true, storage: false };
}

function versionsPatch(crd: JsonObject, versions: JsonObject[]): JsonObject {
  const { uid, resourceVersion } = objectAt(crd, "metadata");
  return { metadata: { uid, resourceVersion }, spec: { versions } };
}
