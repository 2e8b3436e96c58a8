import { hasKind } from "../../../../calico/versions/rules.ts";
import { versionText } from "../../../../calico/versions/version.ts";
import { type ConnectionCheck, fail, pass } from "../check.ts";

/** The CRDs and the Calico of the target are of one version. */
export const crdsOfVersion: ConnectionCheck = {
  id: "crds-of-version",
  title: "the target has the CRDs that its version of Calico has",
  severity: "warning",
  fix: "Apply the CRDs of that version, then start again; or start again with --calico-version, which says which one it is: what the source has of kinds without a CRD is left behind, with consent.",
  phase: "connections",
  run: async (facts) => {
    const { version } = await facts.targetVersion();
    const lacking = [...(await facts.missingKinds())].filter((kind) => hasKind(version, kind));
    if (lacking.length === 0) return pass(`it has those of ${versionText(version)}`);
    return fail(`Calico ${versionText(version)} has kinds without a CRD: ${lacking.join(", ")}`, lacking);
  },
};
