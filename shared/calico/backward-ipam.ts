import type { JsonObject } from "../json.ts";
import { parseCidr } from "./cidr.ts";
import { invalid } from "./forwarded.ts";
import { sharedConfig, translateAttribute } from "./forward-ipam.ts";
import type { DataKey } from "./keys.ts";
import { type Translate, translateAffinity, translateHandle } from "./node-references.ts";
import { flagAt, listAt, objectAt, textAt } from "./stored-value.ts";

/** A key with its value, before the value is written as text. */
export interface Restored {
  readonly data: DataKey;
  readonly value: JsonObject;
}

function cidrOf(spec: JsonObject): string {
  const cidr = parseCidr(textAt(spec.cidr, "spec.cidr") ?? "");
  if (cidr === undefined) throw invalid("CIDR_INVALID", "spec.cidr is not a network");
  return cidr.text;
}

function required(spec: JsonObject, member: string): string {
  const text = textAt(spec[member], `spec.${member}`) ?? "";
  if (text === "") throw invalid("VALUE_INVALID", `spec.${member} is missing`);
  return text;
}

/** A BlockAffinity back under its host; one without a type is a host's, as older versions wrote it. */
export function restoreAffinity(spec: JsonObject, translate: Translate): Restored {
  const affinityType = textAt(spec.type, "spec.type") === "virtual" ? "virtual" : "host";
  const node = required(spec, "node");
  const host = affinityType === "host" ? translate(node) : node;
  const deleted = spec.deleted === "true" || spec.deleted === true;
  return {
    data: { type: "blockAffinity", affinityType, host, cidr: cidrOf(spec) },
    value: { state: textAt(spec.state, "spec.state") ?? "", deleted },
  };
}

/** The old spelling of the affinity stays for as long as it says the same as the affinity. */
function keptHostAffinity(existing: JsonObject | undefined, affinity: string | null): JsonObject {
  const host = existing?.hostAffinity;
  return typeof host === "string" && affinity === `host:${host}` ? { hostAffinity: host } : {};
}

/** A block back, with the members in the order in which Calico writes them. */
export function restoreBlock(
  spec: JsonObject,
  existing: JsonObject | undefined,
  translate: Translate,
): Restored {
  const cidr = cidrOf(spec);
  const written = textAt(spec.affinity, "spec.affinity");
  const affinity = written === undefined ? null : translateAffinity(written, translate);
  const claimTime = textAt(spec.affinityClaimTime, "spec.affinityClaimTime");
  const value: JsonObject = {
    cidr,
    affinity,
    affinity_claim_time: claimTime,
    allocations: listAt(spec.allocations, "spec.allocations"),
    unallocated: listAt(spec.unallocated, "spec.unallocated"),
    attributes: listAt(spec.attributes, "spec.attributes").map((attribute, index) =>
      translateAttribute(attribute, `spec.attributes[${index}]`, translate),
    ),
    sequenceNumber: spec.sequenceNumber ?? 0,
    sequenceNumberForAllocation: spec.sequenceNumberForAllocation ?? {},
    deleted: flagAt(spec.deleted, "spec.deleted"),
    ...keptHostAffinity(existing, affinity),
  };
  return { data: { type: "block", cidr }, value };
}

/** A handle back under its id, in the case that the id has. */
export function restoreHandle(spec: JsonObject, translate: Translate): Restored {
  const handleId = translateHandle(required(spec, "handleID"), translate);
  const value = { block: objectAt(spec.block, "spec.block"), deleted: flagAt(spec.deleted, "spec.deleted") };
  return { data: { type: "handle", handleId }, value };
}

/** The IPAM configuration back; what is false is left out, as Calico does in etcd. */
export function restoreIpamConfig(spec: JsonObject): Restored {
  const value: JsonObject = {
    ...(flagAt(spec.strictAffinity, "spec.strictAffinity") ? { strict_affinity: true } : {}),
    ...(flagAt(spec.autoAllocateBlocks, "spec.autoAllocateBlocks") ? { auto_allocate_blocks: true } : {}),
    ...sharedConfig(spec),
  };
  return { data: { type: "ipamConfig" }, value };
}
