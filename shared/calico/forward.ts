import { forwardAffinity, forwardBlock, forwardHandle, forwardIpamConfig } from "./forward-ipam.ts";
import { forwardNode } from "./forward-node.ts";
import { type Converted, forwardResource } from "./forward-resource.ts";
import { calicoOf, type ForwardContext, type Forwarded, Refusal } from "./forwarded.ts";
import { PROTECTED_TIERS } from "./built-in.ts";
import { type DataKey, parseEtcdKey } from "./keys.ts";
import { crdName } from "./kinds.ts";
import { sourceHash } from "./stored-value.ts";
import { refuseName } from "./target.ts";
import { leaveOutMissingFields } from "./versions/target-calico.ts";

/**
 * Says what becomes of a key of etcd and its value in the Kubernetes datastore. Total: whatever the bytes are, there is
 * an outcome and no exception. Node names are translated wherever they occur.
 *
 * @example
 * forward("/calico/resources/v3/projectcalico.org/tiers/secure", '{"kind":"Tier","spec":{"order":100}}', context)
 * // { outcome: "carry", kind: "Tier", rank: 1, target: { plural: "tiers", name: "secure", … }, object: { … }, … }
 */
export function forward(key: string, value: Buffer | string, context: ForwardContext): Forwarded {
  const source = parseEtcdKey(key);
  switch (source.type) {
    case "derived":
      return { outcome: "derived", reason: source.reason };
    case "housekeeping":
      return { outcome: "housekeeping", reason: source.reason };
    case "unknown":
      return { outcome: "uncarriable", code: "KEY_UNKNOWN", reason: source.reason };
    default:
      return forwardData(source, value, context);
  }
}

function forwardData(source: DataKey, value: Buffer | string, context: ForwardContext): Forwarded {
  try {
    const converted = convert(source, value.toString(), context);
    const { info, target, object } = converted;
    refuseMissingKind(converted, context);
    refuseName(target);
    const { kind, rank } = info;
    const losses = [...converted.losses, ...leaveOutMissingFields(kind, object, calicoOf(context))];
    const carried = { outcome: "carry", kind, rank, target, object, sourceHash: sourceHash(value) } as const;
    return losses.length === 0 ? carried : { ...carried, losses };
  } catch (error) {
    if (error instanceof Refusal) return error.outcome;
    throw error;
  }
}

/** Refuses what the target has no CRD for. Tiers that are built in are what a Calico without tiers does anyway. */
function refuseMissingKind({ info: { kind }, target }: Converted, context: ForwardContext): void {
  if (!calicoOf(context).missingKinds.has(kind)) return;
  const crd = crdName(kind, context.targetGroup) ?? kind;
  const reason = `the target has no CRD ${crd}, so its Calico does not know the kind ${kind}`;
  if (kind === "Tier" && PROTECTED_TIERS.has(target.name)) throw new Refusal({ outcome: "derived", reason });
  const name = target.namespace === undefined ? target.name : `${target.namespace}/${target.name}`;
  throw new Refusal({ outcome: "uncarriable", code: "KIND_MISSING", reason, kind, name });
}

function convert(source: DataKey, text: string, context: ForwardContext): Converted {
  switch (source.type) {
    case "resource":
      return source.kind === "Node"
        ? forwardNode(source, text, context)
        : forwardResource(source, text, context);
    case "blockAffinity":
      return forwardAffinity(source, text, context);
    case "block":
      return forwardBlock(source, text, context);
    case "handle":
      return forwardHandle(source, text, context);
    case "ipamConfig":
      return forwardIpamConfig(text, context);
  }
}
