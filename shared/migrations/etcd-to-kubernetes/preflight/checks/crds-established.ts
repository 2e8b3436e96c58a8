import { type ConnectionCheck, fail, pass } from "../check.ts";

/** Every CRD that is needed is there, or comes with the manifest. */
export const crdsEstablished: ConnectionCheck = {
  id: "crds-established",
  title: "every CRD that Calico needs is established, or is in the manifest",
  severity: "blocking",
  fix: "Give the Calico manifest for the Kubernetes datastore with --manifest, or apply its CRDs first.",
  phase: "connections",
  run: async (facts) => {
    const { inManifest } = await facts.calicoCrds();
    const states = await facts.crds();
    const missing = states
      .filter(({ present, name }) => !present && !inManifest.has(name))
      .map(({ name }) => name);
    if (missing.length > 0) return fail(`${missing.length} CRDs are missing`, missing);
    const broken = states.filter(({ present, established }) => present && !established);
    const named = broken.map(({ name, reason }) => `${name}: ${reason}`);
    if (named.length > 0) return fail(`${named.length} CRDs are not established`, named);
    const absent = states.filter(({ present }) => !present).length;
    return pass(
      absent === 0 ? `all ${states.length} are established` : `${absent} will be created from the manifest`,
    );
  },
};
