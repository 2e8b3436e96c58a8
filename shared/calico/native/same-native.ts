import { hash } from "node:crypto";
import { canonicalJson, isJsonObject, type Json, type JsonObject } from "../../json.ts";
import { differences } from "../differences.ts";
import { METADATA_ANNOTATION } from "../metadata.ts";

/** Whether two native objects mean the same, and else where they differ: at most 20 paths, as in `spec.nets[0]`. */
export type NativeComparison =
  { readonly same: true } | { readonly same: false; readonly paths: readonly string[] };

/** Notes of tools about an object, which Calico does not read. */
const BOOKKEEPING = new Set([
  METADATA_ANNOTATION,
  "kubectl.kubernetes.io/last-applied-configuration",
  "migration.projectcalico.org/migrated-by",
]);

/** Members that hold names chosen by users, so that nothing within them can be left out. */
const MAPS = [
  "alternateOwnerAttrs",
  "annotations",
  "block",
  "environmentVars",
  "labels",
  "matchLabels",
  "secondary",
  "sequenceNumberForAllocation",
];

/**
 * Members that Calico's types cannot tell from absent ones when they are empty, by the type of their value. Others can:
 * `policy: {}` starts a controller, and `podSelector: {}` selects all. (api/pkg/apis/projectcalico/v3, members without
 * a pointer)
 */
const ABSENT_WHEN_EMPTY = {
  object: new Set(["destination", "source", ...MAPS]),
  boolean: new Set([
    "applyOnForward",
    "deleted",
    "disableBGPExport",
    "disabled",
    "doNotTrack",
    "keepOriginalNextHop",
    "natOutgoing",
    "preDNAT",
  ]),
  string: new Set([
    "localWorkloadSelector",
    "namespaceSelector",
    "notSelector",
    "peerSelector",
    "selector",
    "serviceAccountSelector",
  ]),
  number: new Set(["ipCooldownSeconds", "maxBlocksPerHost"]),
} as const;

/** Lists that are empty say nothing, but Felix tells no failsafe ports from the default ones. */
const TELLS_EMPTY_LISTS = "FelixConfiguration";

/**
 * Compares what two native objects mean: kind, labels, annotations and spec. Names, owners, finalizers, status and the
 * version that they were read through do not count, nor do the order of members, nulls, and empty members that are as
 * good as absent.
 *
 * @param complete - gives an object with the defaults of its CRD, as the API server does; applied to both sides
 */
export function compareNative(
  expected: JsonObject,
  found: JsonObject,
  complete: (object: JsonObject) => JsonObject = (object) => object,
): NativeComparison {
  const different = differences(comparable(complete(expected)), comparable(complete(found)));
  return different.length === 0 ? { same: true } : { same: false, paths: different.map(({ path }) => path) };
}

/**
 * SHA-256 of what a native object means, hex: equal for two objects exactly when compareNative finds them the same, once both
 * have the defaults of their CRD.
 */
export function nativeMeaning(object: JsonObject): string {
  const { metadata, ...rest } = comparable(object);
  const { labels, annotations } = isJsonObject(metadata) ? metadata : {};
  const named = { labels: nonEmpty(labels), annotations: nonEmpty(annotations) };
  return hash("sha256", canonicalJson({ ...rest, ...named }), "hex");
}

function nonEmpty(value: Json | undefined): Json {
  return isJsonObject(value) && Object.keys(value).length > 0 ? value : null;
}

function comparable({ kind = null, metadata, spec }: JsonObject): JsonObject {
  const { labels, annotations } = isJsonObject(metadata) ? metadata : {};
  const noted = isJsonObject(annotations) ? Object.entries(annotations) : [];
  const kept = Object.fromEntries(noted.filter(([key]) => !BOOKKEEPING.has(key)));
  return {
    kind,
    metadata: { labels, annotations: kept },
    spec: withoutEmpty(spec ?? {}, kind === TELLS_EMPTY_LISTS),
  };
}

function withoutEmpty(value: Json, tellsEmptyLists: boolean): Json {
  if (Array.isArray(value)) return value.map((item) => withoutEmpty(item, tellsEmptyLists));
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).map(([key, member]): [string, Json] => [
    key,
    MAPS.includes(key) ? (member ?? null) : withoutEmpty(member ?? null, tellsEmptyLists),
  ]);
  return Object.fromEntries(members.filter(([key, member]) => !isAbsent(key, member, tellsEmptyLists)));
}

function isAbsent(key: string, member: Json, tellsEmptyLists: boolean): boolean {
  if (Array.isArray(member)) return member.length === 0 && !tellsEmptyLists;
  if (isJsonObject(member)) return Object.keys(member).length === 0 && ABSENT_WHEN_EMPTY.object.has(key);
  if (member === false) return ABSENT_WHEN_EMPTY.boolean.has(key);
  if (member === "") return ABSENT_WHEN_EMPTY.string.has(key);
  if (member === 0) return ABSENT_WHEN_EMPTY.number.has(key);
  return member === null;
}
