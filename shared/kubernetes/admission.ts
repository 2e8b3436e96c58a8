import type { JsonObject } from "../json.ts";
import type { Discovery } from "./discovery.ts";
import { textAt } from "./fields.ts";
import type { CallOptions, ResourceRef } from "./types.ts";

/** The API group of admission policies. */
export const ADMISSION_GROUP = "admissionregistration.k8s.io";

/**
 * The API versions of admission policies, the best first. A policy says the same in each of them (KEP-3488, KEP-3962), and
 * Kubernetes keeps one object whichever is used: so a policy may be written and read in the version that is served.
 */
export const ADMISSION_VERSIONS = ["v1", "v1beta1", "v1alpha1"] as const;
export type AdmissionVersion = (typeof ADMISSION_VERSIONS)[number];

const PLURALS: Readonly<Record<string, string>> = {
  MutatingAdmissionPolicy: "mutatingadmissionpolicies",
  MutatingAdmissionPolicyBinding: "mutatingadmissionpolicybindings",
  ValidatingAdmissionPolicy: "validatingadmissionpolicies",
  ValidatingAdmissionPolicyBinding: "validatingadmissionpolicybindings",
};

/** The versions in which a cluster serves a kind of admission policies, the best first. */
export async function servedAdmissionVersions(
  discovery: Discovery,
  kind: string,
  options: CallOptions = {},
): Promise<AdmissionVersion[]> {
  const offered = await discovery.versionsOf(ADMISSION_GROUP, options);
  const served: AdmissionVersion[] = [];
  for (const version of ADMISSION_VERSIONS) {
    if (!offered.includes(version)) continue;
    const found = await discovery.find(`${ADMISSION_GROUP}/${version}`, kind, options);
    if (found !== undefined) served.push(version);
  }
  return served;
}

/**
 * An admission policy or a binding in its own API version where the cluster serves that, else in the best one that it serves;
 * as it is where none is served. Anything else is given as it is.
 */
export async function inServedVersion(
  discovery: Discovery,
  object: JsonObject,
  options: CallOptions = {},
): Promise<JsonObject> {
  const apiVersion = textAt(object, "apiVersion");
  const served = await servedApiVersion(discovery, apiVersion, textAt(object, "kind"), options);
  return served === apiVersion ? object : { ...object, apiVersion: served };
}

/** The same for a reference to one: it may have been made when the cluster served another version. */
export async function inServedRef<R extends ResourceRef>(
  discovery: Discovery,
  ref: R,
  options: CallOptions = {},
): Promise<R> {
  const kind = Object.keys(PLURALS).find((one) => PLURALS[one] === ref.plural) ?? "";
  const apiVersion = await servedApiVersion(discovery, ref.apiVersion, kind, options);
  return apiVersion === ref.apiVersion ? ref : { ...ref, apiVersion };
}

async function servedApiVersion(
  discovery: Discovery,
  apiVersion: string,
  kind: string,
  options: CallOptions,
): Promise<string> {
  if (!apiVersion.startsWith(`${ADMISSION_GROUP}/`) || PLURALS[kind] === undefined) return apiVersion;
  if ((await discovery.find(apiVersion, kind, options)) !== undefined) return apiVersion;
  const [best] = await servedAdmissionVersions(discovery, kind, options);
  return best === undefined ? apiVersion : `${ADMISSION_GROUP}/${best}`;
}
