import type { JsonObject } from "../../../../json.ts";
import { ADMISSION_GROUP } from "../../../../kubernetes/admission.ts";
import { textAt } from "../../../../kubernetes/fields.ts";
import { installerOf } from "../components.ts";
import { block, type Check, pass, type Verdict, warn } from "../check.ts";

/** Policies that are written after the switch get the defaults that the aggregated API server gave them. */
export const admissionPolicies: Check = {
  id: "admission-policies",
  title:
    "Calico's admission policies come with the manifest or the operator, and Kubernetes serves such policies",
  why: "The manifest of a Calico release holds MutatingAdmissionPolicies in one API version (3.32: v1beta1, which Kubernetes 1.36 does not serve); they mean the same in the one that is served. Without them, policies that are created later have no types and no tier label.",
  severity: "blocking",
  fix: "Start again with a manifest that has the admission policies of your Calico release in --crds: a run keeps the one that it was started with.",
  judge: (facts) => {
    const { manifest, admission, admissionPolicies: present } = facts;
    const given = manifest.filter(({ kind }) => textOf(kind).startsWith("MutatingAdmissionPolicy"));
    const unserved = given.filter((object) => !admission.some((version) => isOf(object, version)));
    if (unserved.length > 0) return inOtherVersion(unserved, given.length, admission);
    if (given.length > 0) return pass(`${given.length} come with the manifest`);
    if (present.length > 0) return pass(`${present.length} are in the cluster`, present);
    if (installerOf(facts) === "operator") return pass("the operator creates them when it switches");
    return warn("there are none in the manifest, nor in the cluster");
  },
};

function inOtherVersion(
  unserved: readonly JsonObject[],
  given: number,
  admission: readonly string[],
): Verdict {
  const items = unserved.map((one) => `${textOf(one["kind"])} ${textAt(one, "metadata", "name")}`);
  const [best] = admission;
  const version = textOf(unserved[0]?.["apiVersion"]);
  if (best === undefined)
    return block(
      `the manifest has ${items.length} admission policies in ${version}, and Kubernetes serves none`,
      { items },
    );
  const respelled = `${items.length} of them in ${version}, which this Kubernetes does not serve: they are created in ${ADMISSION_GROUP}/${best}, where they mean the same`;
  return pass(`${given} come with the manifest, ${respelled}`, items);
}

function textOf(value: JsonObject[string]): string {
  return typeof value === "string" ? value : "";
}

function isOf(object: JsonObject, version: string): boolean {
  return object["apiVersion"] === `${ADMISSION_GROUP}/${version}`;
}
