import type { JsonObject } from "../json.ts";
import {
  type Restored,
  restoreAffinity,
  restoreBlock,
  restoreHandle,
  restoreIpamConfig,
} from "./backward-ipam.ts";
import { restoreNode } from "./backward-node.ts";
import { restoreResource } from "./backward-resource.ts";
import { forward } from "./forward.ts";
import { Refusal } from "./forwarded.ts";
import { type ResourceKey, etcdKeyOf } from "./keys.ts";
import { KINDS, type KindInfo, type TargetGroup, kindInfo, targetKind } from "./kinds.ts";
import { meaningHash } from "./meaning.ts";
import { DEFAULT_TIER, policyName, tierOf } from "./names.ts";
import type { NodeNames } from "./node-names.ts";
import type { Translate } from "./node-references.ts";
import { objectAt, parseStoredObject } from "./stored-value.ts";
import { hasKind } from "./versions/rules.ts";
import { keepMissingFields, type TargetCalico } from "./versions/target-calico.ts";
import { type CalicoVersion, versionText } from "./versions/version.ts";

/** What the way back needs to know. */
export interface BackwardContext {
  readonly nodeNames: NodeNames;
  /** The group that the object was read from. */
  readonly sourceGroup: TargetGroup;
  /** The Calico that keeps its data in that group. Default: the newest that is known. */
  readonly calico?: TargetCalico;
  /** The Calico that will use etcd. Default: the newest that is known. */
  readonly etcdVersion?: CalicoVersion | undefined;
  /** The value that etcd has now; what the Kubernetes datastore cannot hold is kept from it. */
  readonly existing?: string;
  /** The key of `existing`, when it is not the one that current versions would use (see etcdKeysFor). */
  readonly existingKey?: string;
}

/** A key of etcd and the value to put there. */
export interface EtcdWrite {
  readonly key: string;
  readonly value: string;
}

/** Why an object does not go back to etcd. */
export interface Skipped {
  readonly skipped: string;
}

/**
 * Takes an object as read from Kubernetes back to the key and value that etcd holds it under, node names included.
 * When `existing` already means the same, it is returned as it is, byte for byte. An object that has no place in etcd is
 * skipped with the reason.
 */
export function backward(object: JsonObject, context: BackwardContext): EtcdWrite | Skipped {
  const info = infoOf(object, context.sourceGroup);
  if (info === undefined) return { skipped: "not an object that Calico keeps its data in" };
  try {
    const key = context.existingKey ?? etcdKeyOf(restore(object, info, context, undefined).data);
    return write(key, object, info, context);
  } catch (error) {
    if (error instanceof Refusal) return { skipped: error.outcome.reason };
    throw error;
  }
}

function write(key: string, object: JsonObject, info: KindInfo, context: BackwardContext): EtcdWrite {
  const { existing, sourceGroup: targetGroup, nodeNames, calico } = context;
  if (existing === undefined)
    return { key, value: JSON.stringify(restore(object, info, context, undefined).value) };
  const current = forward(key, existing, {
    targetGroup,
    nodeNames,
    ...(calico === undefined ? {} : { calico }),
  });
  if (current.outcome === "carry" && meansSame(current.object, object)) return { key, value: existing };
  const { value } = restore(object, info, context, parseExisting(existing));
  if (calico !== undefined) keepMissingFields(info.kind, value, parseExisting(existing) ?? {}, calico);
  return { key, value: JSON.stringify(value) };
}

/**
 * The keys under which etcd may hold an object: first the one that the Calico uses that works with etcd, then, for policies
 * of the default tier, the other one of those with and without the prefix `default.`, which versions before 3.32 used. []
 * for what backward would skip.
 */
export function etcdKeysFor(object: JsonObject, context: BackwardContext): string[] {
  const info = infoOf(object, context.sourceGroup);
  const written = info === undefined ? undefined : tryRestore(object, info, context);
  if (written === undefined) return [];
  const { data, value } = written;
  const keys = [etcdKeyOf(data)];
  if (data.type === "resource" && isInDefaultTier(data, value)) {
    const name = policyName(data.name, DEFAULT_TIER);
    keys.push(etcdKeyOf({ ...data, name }), etcdKeyOf({ ...data, name: `default.${name}` }));
  }
  return [...new Set(keys)];
}

function tryRestore(object: JsonObject, info: KindInfo, context: BackwardContext): Restored | undefined {
  try {
    return restore(object, info, context, undefined);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

function isInDefaultTier({ kind }: ResourceKey, value: JsonObject): boolean {
  return kindInfo(kind).tiered && tierOf(objectAt(value.spec, "spec")) === DEFAULT_TIER;
}

function infoOf(object: JsonObject, group: TargetGroup): KindInfo | undefined {
  return KINDS.find((info) => {
    const { kind, apiVersion } = targetKind(info, group);
    return info.group !== "none" && kind === object.kind && apiVersion === object.apiVersion;
  });
}

/** A value that is broken holds nothing worth keeping. */
function parseExisting(existing: string): JsonObject | undefined {
  try {
    return parseStoredObject(existing);
  } catch (error) {
    if (error instanceof Refusal) return undefined;
    throw error;
  }
}

/** Refuses a new Kubernetes node whose name etcd already uses for another one. */
function reverseTranslation(nodeNames: NodeNames): Translate {
  return (node) => {
    if (nodeNames.isReversible(node)) return nodeNames.toEtcd(node);
    const reason = `etcd already uses the name "${node}" for another node than Kubernetes does`;
    throw new Refusal({ outcome: "invalid", code: "NODE_NAME_TAKEN", reason });
  };
}

function restore(
  object: JsonObject,
  info: KindInfo,
  { nodeNames, etcdVersion }: BackwardContext,
  existing: JsonObject | undefined,
): Restored {
  if (etcdVersion !== undefined) refuseUnknownKind(info, etcdVersion);
  const copy = parseStoredObject(JSON.stringify(object));
  const translate = reverseTranslation(nodeNames);
  const spec = objectAt(copy.spec, "spec");
  switch (info.kind) {
    case "Node":
      return restoreNode(copy, existing, translate);
    case "BlockAffinity":
      return restoreAffinity(spec, translate);
    case "IPAMBlock":
      return restoreBlock(spec, existing, translate);
    case "IPAMHandle":
      return restoreHandle(spec, translate);
    case "IPAMConfig":
      return restoreIpamConfig(spec);
    default:
      return restoreResource(copy, info.kind, existing, { translate, etcdVersion });
  }
}

/** A kind that the Calico of etcd never reads has no place there. */
function refuseUnknownKind({ kind }: KindInfo, etcdVersion: CalicoVersion): void {
  if (hasKind(etcdVersion, kind)) return;
  const reason = `Calico ${versionText(etcdVersion)}, which uses etcd, does not know the kind ${kind}`;
  throw new Refusal({ outcome: "uncarriable", code: "KIND_MISSING", reason, kind });
}

function meansSame(one: JsonObject, other: JsonObject): boolean {
  return meaningHash(one) === meaningHash(other);
}
