import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { AdmissionVersion } from "../../../shared/kubernetes/admission.ts";
import { calicoCrds } from "../../harness/crds.ts";
import { admissionPolicies } from "./admission.ts";

/** What a manifest is to hold beside the CRDs. */
interface ManifestOptions {
  /** The API version of its mutating admission policies; undefined for a manifest without any policies. */
  mutating: AdmissionVersion | undefined;
  /** The generation of Calico that it is of. Default: the newest. */
  calico?: string | undefined;
}

/** Writes the manifest of the native group, as Calico releases it, into a folder and returns its path. */
export function writeNativeManifest(folder: string, { mutating, calico }: ManifestOptions): string {
  const objects = [
    ...calicoCrds("projectcalico.org/v3", calico),
    ...(mutating === undefined ? [] : admissionPolicies(mutating)),
  ];
  const path = join(folder, "v3_projectcalico_org.yaml");
  writeFileSync(path, objects.map((object) => JSON.stringify(object)).join("\n---\n"));
  return path;
}
