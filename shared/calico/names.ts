import { hash } from "node:crypto";
import type { JsonObject } from "../json.ts";
import { textAt } from "./stored-value.ts";

/** The longest name that Kubernetes accepts for an object. */
const MAX_NAME = 253;

/** The name of the tier that a policy without a tier belongs to. */
export const DEFAULT_TIER = "default";

/** The tier that a policy's spec names, or belongs to without naming any. */
export function tierOf(spec: JsonObject): string {
  const tier = textAt(spec.tier, "spec.tier") ?? "";
  return tier === "" ? DEFAULT_TIER : tier;
}

const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/;
const LABEL = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;
const QUALIFIED = /^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$/;

/**
 * Why Kubernetes would refuse `name` for an object (RFC 1123 subdomain, at most 253 characters), as a clause that
 * follows the name; undefined when it accepts it.
 */
export function nameProblem(name: string): string | undefined {
  if (name === "") return "is empty";
  if (name.length > MAX_NAME)
    return `has ${name.length} characters, more than the ${MAX_NAME} that Kubernetes allows`;
  if (SUBDOMAIN.test(name)) return undefined;
  return /[A-Z]/.test(name)
    ? "has upper-case letters, which Kubernetes does not allow in names"
    : "is not lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit in every part";
}

/** Why Kubernetes would refuse `namespace` (RFC 1123 label, at most 63 characters); undefined when it accepts it. */
export function namespaceProblem(namespace: string): string | undefined {
  if (namespace.length > 63)
    return `has ${namespace.length} characters, more than the 63 that Kubernetes allows`;
  return LABEL.test(namespace)
    ? undefined
    : "is not lower-case letters, digits and '-', beginning and ending with a letter or digit";
}

/** True when Kubernetes accepts `key` as the key of a label or an annotation. */
export function isQualifiedName(key: string): boolean {
  const slash = key.indexOf("/");
  const prefix = key.slice(0, Math.max(slash, 0));
  const name = key.slice(slash + 1);
  if (slash >= 0 && (prefix.length > MAX_NAME || !SUBDOMAIN.test(prefix.toLowerCase()))) return false;
  return name.length <= 63 && QUALIFIED.test(name);
}

/** True when Kubernetes accepts `value` as the value of a label. */
export function isLabelValue(value: string): boolean {
  return value === "" || (value.length <= 63 && QUALIFIED.test(value));
}

/**
 * The v3 name of a policy that is stored as `stored`: policies of the default tier lose one leading `default.`, which
 * versions before 3.32 stored; those of other tiers keep theirs. (libcalico-go/lib/backend/model, determinePolicyName)
 */
export function policyName(stored: string, tier: string | undefined): string {
  const inDefaultTier = tier === undefined || tier === "" || tier === DEFAULT_TIER;
  return inDefaultTier && stored.startsWith("default.") ? stored.slice("default.".length) : stored;
}

/**
 * A canonical CIDR as a part of object names: the first three ".", the first seven ":" and the "/" become "-".
 * `10.64.0.0/26` is `10-64-0-0-26`, `fd00:2::/122` is `fd00-2---122`. (libcalico-go/lib/names, CIDRToName)
 */
export function cidrName(cidr: string): string {
  return cidr.replace(/[.:/]/g, "-");
}

/**
 * The name of the BlockAffinity object of a host on a block. Names of 253 characters and more are cut and end in a hash
 * of host and block. (libcalico-go/lib/backend/k8s/resources, blockAffinityClientV1.parseKey)
 */
export function affinityName(host: string, cidr: string): string {
  const block = cidrName(cidr);
  const name = `${host}-${block}`;
  if (name.length < MAX_NAME) return name;
  const digest = hash("sha256", `${host}+${block}`, "hex").slice(0, 11);
  return `${host.slice(0, 252 - block.length - 13)}-${block}-${digest}`;
}

/** The name of the IPAMHandle object of a handle: handle ids may have upper-case letters, object names may not. */
export function handleName(handleId: string): string {
  return handleId.toLowerCase();
}
