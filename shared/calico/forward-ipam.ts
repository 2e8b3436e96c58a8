import { hash } from "node:crypto";
import type { Json, JsonObject } from "../json.ts";
import { parseCidr } from "./cidr.ts";
import { calicoOf, type ForwardContext, Refusal, invalid } from "./forwarded.ts";
import type { Converted } from "./forward-resource.ts";
import type { BlockAffinityKey, BlockKey, HandleKey } from "./keys.ts";
import { type TargetGroup, kindInfo } from "./kinds.ts";
import { METADATA_ANNOTATION } from "./metadata.ts";
import { affinityName, cidrName, handleName } from "./names.ts";
import { type Translate, translateAffinity, translateHandle } from "./node-references.ts";
import { flagAt, listAt, objectAt, parseStoredObject, textAt, textsAt } from "./stored-value.ts";
import { targetRef } from "./target.ts";

/** The name of the one IPAM configuration object. */
const CONFIG_NAME = "default";

type Labels = Readonly<Record<string, string>>;

function ipamObject(
  kind: string,
  name: string,
  group: TargetGroup,
  spec: JsonObject,
  labels?: Labels,
): Converted {
  const info = kindInfo(kind);
  const target = targetRef(info, group, name);
  const labelled: JsonObject = labels === undefined ? {} : { labels: { ...labels } };
  const annotations = { [METADATA_ANNOTATION]: JSON.stringify(labelled) };
  const metadata = { name, ...labelled, ...(group === "crd.projectcalico.org/v1" ? { annotations } : {}) };
  return {
    info,
    target,
    object: { apiVersion: target.apiVersion, kind: target.kind, metadata, spec },
    losses: [],
  };
}

const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** RFC 4648 base32 without padding. */
function base32(bytes: Buffer): string {
  let bits = 0;
  let pending = 0;
  let text = "";
  for (const byte of bytes) {
    pending = (pending << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32.charAt((pending >>> bits) & 31);
    }
    pending &= (1 << bits) - 1;
  }
  return bits === 0 ? text : text + BASE32.charAt((pending << (5 - bits)) & 31);
}

/**
 * The labels by which Calico lists affinities; host names can be longer than label values, so they are hashed.
 * (libcalico-go/lib/backend/model, EnsureBlockAffinityLabels)
 */
export function affinityLabels(affinityType: string, host: string, cidr: string): Labels {
  return {
    "projectcalico.org/affinity-type": affinityType,
    "projectcalico.org/hostname-hash": base32(hash("sha3-256", host, "buffer")),
    "projectcalico.org/ip-version": cidr.includes(":") ? "6" : "4",
  };
}

/** An affinity of a host or of a load balancer. An empty value, as the first versions stored it, counts as {}. */
export function forwardAffinity(key: BlockAffinityKey, text: string, context: ForwardContext): Converted {
  const value = text === "" ? {} : parseStoredObject(text);
  const { affinityType, cidr } = key;
  if (affinityType === "virtual") refuseWithoutType(key, context);
  const node = affinityType === "host" ? context.nodeNames.toKubernetes(key.host) : key.host;
  const deleted = flagAt(value.deleted, "deleted");
  const spec = {
    cidr,
    // The v1 CRD declares a string here, by an old mistake that Calico keeps.
    deleted: context.targetGroup === "crd.projectcalico.org/v1" ? String(deleted) : deleted,
    node,
    state: textAt(value.state, "state") ?? "",
    type: affinityType,
  };
  const labels = calicoOf(context).rules.affinityLabels
    ? affinityLabels(affinityType, node, cidr)
    : undefined;
  return ipamObject("BlockAffinity", affinityName(node, cidr), context.targetGroup, spec, labels);
}

/** Without a type, an affinity is a node's. */
function refuseWithoutType(key: BlockAffinityKey, context: ForwardContext): void {
  if (calicoOf(context).missingFields.get("BlockAffinity")?.includes("spec.type") !== true) return;
  throw new Refusal({
    outcome: "uncarriable",
    code: "AFFINITY_TYPE_UNKNOWN",
    reason:
      "it is the affinity of something that is no node, and the target's Calico knows only those of nodes",
    kind: "BlockAffinity",
    name: affinityName(key.host, key.cidr),
  });
}

function ownerAttributes(
  value: Json | undefined,
  path: string,
  translate: Translate,
): Record<string, string> {
  const attributes = textsAt(value, path);
  const { node } = attributes;
  return node === undefined ? attributes : { ...attributes, node: translate(node) };
}

/** What an address was allocated for, with its node and handle translated. Members unknown to this version stay. */
export function translateAttribute(value: Json, path: string, translate: Translate): JsonObject {
  const attribute = { ...objectAt(value, path) };
  const handleId = textAt(attribute.handle_id, `${path}.handle_id`);
  if (handleId !== undefined) attribute.handle_id = translateHandle(handleId, translate);
  for (const member of ["secondary", "alternateOwnerAttrs"]) {
    if (attribute[member] === undefined) continue;
    attribute[member] = ownerAttributes(attribute[member], `${path}.${member}`, translate);
  }
  return attribute;
}

/** Blocks of the first versions name their host in `hostAffinity` only. */
function blockAffinity(value: JsonObject): string | undefined {
  const host = textAt(value.hostAffinity, "hostAffinity") ?? "";
  return textAt(value.affinity, "affinity") ?? (host === "" ? undefined : `host:${host}`);
}

/** A block of addresses. */
export function forwardBlock(key: BlockKey, text: string, context: ForwardContext): Converted {
  const value = parseStoredObject(text);
  if (parseCidr(textAt(value.cidr, "cidr") ?? "")?.text !== key.cidr) {
    throw invalid("VALUE_NOT_OF_KEY", `cidr is not "${key.cidr}", as the key says`);
  }
  const translate: Translate = (node) => context.nodeNames.toKubernetes(node);
  const affinity = blockAffinity(value);
  const claimTime = textAt(value.affinity_claim_time, "affinity_claim_time");
  const sequenceNumbers = value.sequenceNumberForAllocation;
  const spec: JsonObject = {
    ...(affinity === undefined ? {} : { affinity: translateAffinity(affinity, translate) }),
    ...(claimTime === undefined ? {} : { affinityClaimTime: claimTime }),
    allocations: listAt(value.allocations, "allocations"),
    attributes: listAt(value.attributes, "attributes").map((attribute, index) =>
      translateAttribute(attribute, `attributes[${index}]`, translate),
    ),
    cidr: key.cidr,
    deleted: flagAt(value.deleted, "deleted"),
    sequenceNumber: value.sequenceNumber ?? 0,
    ...(sequenceNumbers === undefined
      ? {}
      : { sequenceNumberForAllocation: objectAt(sequenceNumbers, "sequenceNumberForAllocation") }),
    strictAffinity: false,
    unallocated: listAt(value.unallocated, "unallocated"),
  };
  return ipamObject("IPAMBlock", cidrName(key.cidr), context.targetGroup, spec);
}

/** A handle. Two whose ids differ only by case get the same object name. */
export function forwardHandle(key: HandleKey, text: string, context: ForwardContext): Converted {
  const value = parseStoredObject(text);
  const handleID = translateHandle(key.handleId, (node) => context.nodeNames.toKubernetes(node));
  const spec = { block: objectAt(value.block, "block"), deleted: flagAt(value.deleted, "deleted"), handleID };
  return ipamObject("IPAMHandle", handleName(handleID), context.targetGroup, spec);
}

/** The members of the configuration that are spelt alike on both sides and left out when they are empty. */
export const SHARED_CONFIG = ["maxBlocksPerHost", "kubeVirtVMAddressPersistence", "ipCooldownSeconds"];

/** The members of `from` that both sides spell alike and that say something. */
export function sharedConfig(from: JsonObject): JsonObject {
  const said = SHARED_CONFIG.filter((member) => from[member] !== undefined && from[member] !== 0);
  return Object.fromEntries(said.map((member) => [member, from[member]]));
}

/** The IPAM configuration. What is absent in etcd is false, whatever the CRD's default says. */
export function forwardIpamConfig(text: string, context: ForwardContext): Converted {
  const value = parseStoredObject(text);
  const spec = {
    strictAffinity: flagAt(value.strict_affinity, "strict_affinity"),
    autoAllocateBlocks: flagAt(value.auto_allocate_blocks, "auto_allocate_blocks"),
    ...sharedConfig(value),
  };
  return ipamObject("IPAMConfig", CONFIG_NAME, context.targetGroup, spec);
}
