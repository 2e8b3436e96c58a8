import { crdName } from "../../../../calico/kinds.ts";
import { type ConnectionCheck, fail, pass } from "../check.ts";

/** Without them there is no datastore: what locks it, and what pods get their addresses from. */
const INDISPENSABLE = ["ClusterInformation", "IPPool"];

/** Calico's CRDs are there, or come with the manifest; what the source has of other kinds is judged by itself. */
export const crdsEstablished: ConnectionCheck = {
  id: "crds-established",
  title: "Calico's CRDs are established, or are in the manifest",
  severity: "blocking",
  fix: "Apply the CRDs of the Calico manifest for the Kubernetes datastore, then `resume`; or start again with that manifest in --manifest.",
  phase: "connections",
  run: async (facts) => {
    const group = await facts.targetGroup();
    const kinds = await facts.missingKinds();
    const missing = INDISPENSABLE.filter((kind) => kinds.has(kind)).map(
      (kind) => crdName(kind, group) ?? kind,
    );
    if (missing.length > 0) return fail(`${missing.length} CRDs are missing`, missing);
    const states = await facts.crds();
    const broken = states.filter(({ present, established }) => present && !established);
    const named = broken.map(({ name, reason }) => `${name}: ${reason}`);
    if (named.length > 0) return fail(`${named.length} CRDs are not established`, named);
    const absent = states.filter(({ present }) => !present).length - kinds.size;
    const there = states.length - kinds.size;
    return pass(
      absent === 0 ? `all ${there} are established` : `${absent} will be created from the manifest`,
    );
  },
};
