import { MigratorError } from "../errors.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import { parseExactJson } from "../exact-json.ts";
import { removeMember, setMember } from "./json-text.ts";
import { LOCK_ANNOTATION } from "./lock-annotation.ts";
import { METADATA_ANNOTATION } from "./metadata.ts";

export { LOCK_ANNOTATION } from "./lock-annotation.ts";

/** What a ClusterInformation says about its datastore. */
export interface Lock {
  /** `spec.datastoreReady`; undefined when it is absent, which Calico mostly takes for ready. */
  readonly ready: boolean | undefined;
  /** The run whose lock it is; absent when no run of ours holds it. */
  readonly lockedBy?: string;
}

function parse(value: string): JsonObject {
  let parsed: unknown;
  try {
    parsed = parseExactJson(value);
  } catch {
    parsed = undefined;
  }
  if (isJsonObject(parsed)) return parsed;
  throw new MigratorError("CLUSTER_INFORMATION_INVALID", "the ClusterInformation is not a JSON object", {
    next: "Repair the ClusterInformation named default, for example with calicoctl; a run that it stopped goes on with `resume`.",
  });
}

function member(object: JsonObject, name: string): JsonObject {
  const value = object[name];
  return isJsonObject(value) ? value : {};
}

/** Calico moves annotations that are not its own into its metadata annotation when it writes the object. */
function innerMetadata(object: JsonObject): JsonObject {
  const text = member(member(object, "metadata"), "annotations")[METADATA_ANNOTATION];
  try {
    const inner: unknown = typeof text === "string" ? JSON.parse(text) : undefined;
    return isJsonObject(inner) ? inner : {};
  } catch {
    return {};
  }
}

/** Edits the text of a value, or an object by way of its text. */
function edit<T extends string | JsonObject>(
  value: T,
  change: (text: string, object: JsonObject) => string,
): T {
  if (typeof value === "string") return change(value, parse(value)) as T;
  const text = JSON.stringify(value);
  return parse(change(text, parse(text))) as T;
}

/**
 * The ClusterInformation with its datastore locked (`spec.datastoreReady: false`) and marked as locked by `runId`.
 * Given etcd's text or an object of either group; every other byte or member stays as it is.
 * Throws MigratorError CLUSTER_INFORMATION_INVALID for what is not a JSON object.
 */
export function lockedClusterInformation<T extends string | JsonObject>(value: T, runId: string): T {
  return edit(value, (text) =>
    setMember(
      setMember(text, ["spec", "datastoreReady"], "false"),
      ["metadata", "annotations", LOCK_ANNOTATION],
      JSON.stringify(runId),
    ),
  );
}

/**
 * The ClusterInformation with its datastore ready again and without any run's mark, wherever Calico has put that.
 * Undoes lockedClusterInformation byte for byte when the datastore was ready before. Throws as that does.
 */
export function unlockedClusterInformation<T extends string | JsonObject>(value: T): T {
  return edit(value, (text, object) => {
    const unmarked = removeMember(text, ["metadata", "annotations", LOCK_ANNOTATION]);
    return withoutInnerMark(setMember(unmarked, ["spec", "datastoreReady"], "true"), object);
  });
}

function withoutInnerMark(text: string, object: JsonObject): string {
  const inner = innerMetadata(object);
  if (member(inner, "annotations")[LOCK_ANNOTATION] === undefined) return text;
  const unmarked = removeMember(JSON.stringify(inner), ["annotations", LOCK_ANNOTATION]);
  return setMember(text, ["metadata", "annotations", METADATA_ANNOTATION], JSON.stringify(unmarked));
}

/** Reads the lock of a ClusterInformation, given as etcd's text or as an object. Throws as lockedClusterInformation. */
export function readLock(value: string | JsonObject): Lock {
  const object = typeof value === "string" ? parse(value) : value;
  const { datastoreReady } = member(object, "spec");
  const mark =
    member(member(object, "metadata"), "annotations")[LOCK_ANNOTATION] ??
    member(innerMetadata(object), "annotations")[LOCK_ANNOTATION];
  return {
    ready: typeof datastoreReady === "boolean" ? datastoreReady : undefined,
    ...(typeof mark === "string" ? { lockedBy: mark } : {}),
  };
}
