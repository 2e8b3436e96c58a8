import { parseExactJson } from "../../../shared/exact-json.ts";
import { canonicalJson, isJsonObject, type Json, type JsonObject } from "../../../shared/json.ts";
import { objectAt, textAt } from "../../../shared/kubernetes/fields.ts";
import type { Snapshot } from "../../harness/snapshot.ts";
import { convertedFromDump } from "../../rig/native/converted.ts";
import { type LeafDifference, leafDifferences } from "./leaves.ts";

/** A way in which what upstream's controller has copied may differ from what the migrator has. */
export interface DifferenceClass {
  name: string;
  reason: string;
  /** True for a difference of this class in an object; before is upstream's value, after that of the migrator's object. */
  explains: (difference: LeafDifference, migrator: Compared) => boolean;
}

/** An object of the migrator's that is compared. */
interface Compared {
  kind: string;
  object: JsonObject;
  /** True for a policy of whose types the v1 object said nothing. */
  untyped: boolean;
}

const MIGRATED_BY = "migration.projectcalico.org/migrated-by";
const IPAM_KINDS: readonly string[] = ["IPAMBlock", "IPAMHandle"];
const KEPT_METADATA: readonly string[] = ["labels", "annotations", "ownerReferences"];
const ENFORCED: readonly string[] = ["NetworkPolicy", "GlobalNetworkPolicy"];
const BOTH_TYPES = '["Ingress","Egress"]';
const ZEROS: ReadonlySet<string> = new Set(["{}", "[]", "false", "0", '""']);

/** All ways in which they may differ. */
export const DIFFERENCE_CLASSES: readonly DifferenceClass[] = [
  {
    name: "migrated-by",
    reason: "upstream leaves an annotation on every object for good; the migrator leaves nothing of its own",
    explains: ({ path, after }) =>
      isPath(path, ["metadata", "annotations", MIGRATED_BY]) && after === undefined,
  },
  {
    name: "released-at",
    reason: "upstream drops when an address was released, and with it the end of its cool-down",
    explains: ({ path, before }, { kind }) =>
      kind === "IPAMBlock" && path.at(-1) === "releasedAt" && before === undefined,
  },
  {
    name: "handle-case",
    reason:
      "upstream gives handles names that Kubernetes refuses where their ids have capitals, so it was given ids without; the " +
      "migrator keeps the id and puts only the name in lower case",
    explains: ({ path, before, after }, { kind }) =>
      kind === "IPAMHandle" &&
      isPath(path, ["spec", "handleID"]) &&
      typeof after === "string" &&
      after.toLowerCase() === before,
  },
  {
    name: "ipam-metadata",
    reason: "upstream drops labels, annotations and owners of blocks and handles; the migrator keeps them",
    explains: ({ path: [root = "", member = ""], before }, { kind }) =>
      IPAM_KINDS.includes(kind) &&
      root === "metadata" &&
      KEPT_METADATA.includes(member) &&
      before === undefined,
  },
  {
    name: "policy-types",
    reason:
      "upstream lets an admission policy give types by the rules to policies without any, which then no longer deny the other " +
      "direction; the migrator writes both, as such policies are enforced",
    explains: ({ path: [root, member, ...more] }, { object, untyped }) =>
      untyped &&
      root === "spec" &&
      member === "types" &&
      more.length === 1 &&
      canonicalJson(objectAt(object, "spec")["types"]) === BOTH_TYPES,
  },
  {
    name: "zero-values",
    reason:
      "upstream drops members that say nothing to Calico's own types, such as an empty selector or a false; the migrator " +
      "keeps what is stored",
    explains: ({ path: [root], before, after }) =>
      root === "spec" && before === undefined && ZEROS.has(canonicalJson(after)),
  },
];

/** What two sides differ in. */
export interface Differences {
  /** How many objects both sides have together. */
  objects: number;
  /** How many objects each class explains something of, by their kinds. */
  explained: ReadonlyMap<string, ReadonlyMap<string, number>>;
  unexplained: readonly UnexplainedDifference[];
}

/** An object that differs without a reason. */
export interface UnexplainedDifference {
  id: string;
  /** The members that differ; none for an object that only one side has. */
  paths: readonly string[];
  /** The side that has the object, where only one does. */
  only?: "upstream" | "migrator";
}

/** The ids, in a dump, of what becomes of those policies of a dumped old group that say nothing of their types. */
export function untypedPolicies(old: Snapshot): ReadonlySet<string> {
  const untyped = [...old.entries.values()]
    .map(parsed)
    .filter((v1) => ENFORCED.includes(textAt(v1, "kind")) && objectAt(v1, "spec")["types"] === undefined);
  return new Set(
    untyped.map((v1) => {
      const { apiVersion, plural, namespace, name } = convertedFromDump(v1).target;
      return ["/apis", apiVersion, plural, namespace, name].filter((part) => part !== undefined).join("/");
    }),
  );
}

/**
 * Compares what upstream has made of some objects with what the migrator has made of them; `untyped` is what
 * {@link untypedPolicies} found among these objects.
 */
export function differencesOf(
  upstream: Snapshot,
  migrator: Snapshot,
  untyped: ReadonlySet<string>,
): Differences {
  const explained = new Map<string, Map<string, number>>();
  const unexplained: UnexplainedDifference[] = [];
  for (const { id, before, after } of upstream.changesUntil(migrator)) {
    if (before === undefined || after === undefined) {
      unexplained.push({ id, paths: [], only: after === undefined ? "upstream" : "migrator" });
      continue;
    }
    const { kind, classes, paths } = explain(parsed(before), parsed(after), untyped.has(id));
    if (paths.length > 0) unexplained.push({ id, paths });
    for (const name of classes) count(explained, name, kind);
  }
  const objects = new Set([...upstream.entries.keys(), ...migrator.entries.keys()]).size;
  return { objects, explained, unexplained };
}

interface Explained {
  kind: string;
  classes: ReadonlySet<string>;
  paths: readonly string[];
}

function explain(upstream: JsonObject, object: JsonObject, untyped: boolean): Explained {
  const kind = textAt(object, "kind");
  const migrator = { kind, object, untyped };
  const classes = new Set<string>();
  const paths: string[] = [];
  for (const difference of leafDifferences(upstream, object)) {
    const found = DIFFERENCE_CLASSES.find(({ explains }) => explains(difference, migrator));
    if (found === undefined) paths.push(difference.path.join("."));
    else classes.add(found.name);
  }
  return { kind, classes, paths };
}

function count(explained: Map<string, Map<string, number>>, name: string, kind: string): void {
  const kinds = explained.get(name) ?? new Map<string, number>();
  explained.set(name, kinds.set(kind, (kinds.get(kind) ?? 0) + 1));
}

function isPath(path: readonly string[], wanted: readonly string[]): boolean {
  return path.length === wanted.length && wanted.every((name, index) => path[index] === name);
}

function parsed(text: string): JsonObject {
  const value: Json = parseExactJson(text);
  return isJsonObject(value) ? value : {};
}
