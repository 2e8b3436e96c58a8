import type { JsonObject } from "../../../../json.ts";
import { textAt } from "../../../../kubernetes/fields.ts";
import { installerOf } from "../components.ts";
import { ADMISSION_VERSIONS } from "../compatibility.ts";
import { block, type Check, pass, warn } from "../check.ts";

const GROUP = "admissionregistration.k8s.io/";

/** Policies that are written after the switch get the defaults that the aggregated API server gave them. */
export const admissionPolicies: Check = {
  id: "admission-policies",
  title:
    "Calico's admission policies come with the manifest or the operator, in a version that Kubernetes serves",
  why: "The manifest of a Calico release holds MutatingAdmissionPolicies in one API version (3.32: v1beta1, which Kubernetes 1.36 does not serve). Without them, policies that are created later have no types and no tier label.",
  severity: "blocking",
  fix: "Give a manifest with the admission policies of your Calico release with --crds.",
  judge: (facts) => {
    const { manifest, admission, admissionPolicies: present } = facts;
    const given = manifest.filter(({ kind }) => textOf(kind).startsWith("MutatingAdmissionPolicy"));
    const unserved = given.filter((object) => !admission.some((version) => isOf(object, version)));
    if (unserved.length > 0) {
      const items = unserved.map((one) => `${textOf(one["kind"])} ${textAt(one, "metadata", "name")}`);
      const [best] = ADMISSION_VERSIONS.filter((version) => admission.includes(version));
      const message = `the manifest has ${items.length} admission policies in ${textOf(unserved[0]?.["apiVersion"])}, and Kubernetes serves ${admission.join(", ") || "none"}`;
      const next = `Change their apiVersion in the manifest to ${GROUP}${best ?? "the version that is served"}.`;
      return block(message, { items, ...(best === undefined ? {} : { next }) });
    }
    if (given.length > 0) return pass(`${given.length} come with the manifest`);
    if (present.length > 0) return pass(`${present.length} are in the cluster`, present);
    if (installerOf(facts) === "operator") return pass("the operator creates them when it switches");
    return warn("there are none in the manifest, nor in the cluster");
  },
};

function textOf(value: JsonObject[string]): string {
  return typeof value === "string" ? value : "";
}

function isOf(object: JsonObject, version: string): boolean {
  return object["apiVersion"] === `${GROUP}${version}`;
}
