import type { Json, JsonObject } from "../../json.ts";
import { parseCidr } from "../cidr.ts";
import { invalid } from "../forwarded.ts";
import { cidrName, handleName } from "../names.ts";
import { flagAt, listAt, objectAt, textAt } from "../stored-value.ts";

/** What a kind's own rules make of an object: its spec, and its name where that follows from the spec. */
interface NativeSpec {
  readonly spec: JsonObject;
  readonly name?: string;
}

// What Go's strconv.ParseBool takes, and the empty text.
const TRUE = new Set<Json | undefined>(["1", "t", "T", "true", "TRUE", "True", true]);
const FALSE = new Set<Json | undefined>(["0", "f", "F", "false", "FALSE", "False", "", undefined, false]);

/**
 * The v1 CRD declares a text where native objects have a truth value. IPAM takes every spelling of true for deleted;
 * upstream's copy only `true`, and so brings the others back to life.
 */
function isDeleted(value: Json | undefined): boolean {
  if (TRUE.has(value)) return true;
  if (FALSE.has(value)) return false;
  throw invalid("VALUE_INVALID", "spec.deleted is not true or false");
}

function cidrOf(spec: JsonObject): string {
  const cidr = parseCidr(textAt(spec.cidr, "spec.cidr") ?? "");
  if (cidr === undefined) throw invalid("CIDR_INVALID", "spec.cidr is not a network");
  return cidr.text;
}

/** An affinity keeps its name: long host names are cut in it. */
function nativeAffinity(spec: JsonObject): NativeSpec {
  cidrOf(spec);
  return { spec: { ...spec, deleted: isDeleted(spec.deleted) } };
}

/** An empty affinity is none; native CRDs refuse it. */
function withoutEmptyAffinity({ affinity, ...spec }: JsonObject): JsonObject {
  const text = textAt(affinity, "spec.affinity") ?? "";
  return text === "" ? spec : { ...spec, affinity: text };
}

/**
 * A block, named after its network as every writer of Calico does. Attributes stay whole: upstream's copy drops
 * `releasedAt`, so that addresses that cool down would stay taken for good.
 */
function nativeBlock(spec: JsonObject): NativeSpec {
  const cidr = cidrOf(spec);
  const attributes = listAt(spec.attributes, "spec.attributes");
  return {
    name: cidrName(cidr),
    spec: {
      ...withoutEmptyAffinity(spec),
      allocations: listAt(spec.allocations, "spec.allocations"),
      attributes: attributes.map((attribute, index) => objectAt(attribute, `spec.attributes[${index}]`)),
      cidr,
      deleted: flagAt(spec.deleted, "spec.deleted"),
      sequenceNumber: spec.sequenceNumber ?? 0,
      strictAffinity: false,
      unallocated: listAt(spec.unallocated, "spec.unallocated"),
    },
  };
}

/** A handle, named in lower case as every writer of Calico does; upstream's copy takes the id as it is and is refused. */
function nativeHandle(spec: JsonObject): NativeSpec {
  const handleID = textAt(spec.handleID, "spec.handleID") ?? "";
  if (handleID === "") throw invalid("VALUE_INVALID", "spec.handleID is missing");
  return {
    name: handleName(handleID),
    spec: {
      ...spec,
      block: objectAt(spec.block, "spec.block"),
      deleted: flagAt(spec.deleted, "spec.deleted"),
      handleID,
    },
  };
}

/** What is absent in v1 is false; the native CRD would make autoAllocateBlocks true. */
function nativeConfiguration(spec: JsonObject): NativeSpec {
  const { strictAffinity, autoAllocateBlocks } = spec;
  return {
    spec: {
      ...spec,
      strictAffinity: flagAt(strictAffinity, "spec.strictAffinity"),
      autoAllocateBlocks: flagAt(autoAllocateBlocks, "spec.autoAllocateBlocks"),
    },
  };
}

/** The rules for IPAM's kinds, by the name of the kind in projectcalico.org/v3. `spec` is without nulls. */
export const IPAM_RULES: Readonly<Record<string, (spec: JsonObject) => NativeSpec>> = {
  BlockAffinity: nativeAffinity,
  IPAMBlock: nativeBlock,
  IPAMConfiguration: nativeConfiguration,
  IPAMHandle: nativeHandle,
};
