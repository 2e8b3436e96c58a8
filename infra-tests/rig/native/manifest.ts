import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { calicoCrds } from "../../harness/crds.ts";
import { ADMISSION_POLICIES } from "./admission.ts";

/** Writes the manifest of the native group, as Calico releases it, into a folder and returns its path. */
export function writeNativeManifest(folder: string, options: { admissionPolicies: boolean }): string {
  const objects = [
    ...calicoCrds("projectcalico.org/v3"),
    ...(options.admissionPolicies ? ADMISSION_POLICIES : []),
  ];
  const path = join(folder, "v3_projectcalico_org.yaml");
  writeFileSync(path, objects.map((object) => JSON.stringify(object)).join("\n---\n"));
  return path;
}
