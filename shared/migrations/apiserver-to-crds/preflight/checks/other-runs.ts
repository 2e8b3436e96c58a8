import { block, type Check, pass } from "../check.ts";

/** No run of another store is on its way here. */
export const otherRuns: Check = {
  id: "other-runs",
  title: "no run that another store knows is under way on this cluster",
  why: "Runs of one store exclude each other, those of two stores do not know of each other: when one is undone it closes the second version, and deletes the CRDs, that the other one copies through.",
  severity: "blocking",
  fix: "Finish that run where it was started, or undo it there with `calico-migrator rollback`.",
  judge: ({ nativeCrds }) => {
    const marked = nativeCrds.filter(({ runs }) => runs.length > 0);
    const runs = [...new Set(marked.flatMap((crd) => crd.runs))];
    if (runs.length === 0) return pass("none has left its mark on a native CRD");
    const named = runs.map((run) => `run ${run}`).join(", ");
    return block(`${named} is under way: its mark is on ${marked.length} native CRDs`, {
      items: marked.map(({ name }) => name),
      next: `Finish ${named} where it was started, or undo it there with \`calico-migrator rollback\`. If it was abandoned, or its store is lost, take its mark off: kubectl get crd -o name | grep -v '\\.crd\\.' | grep '\\.projectcalico\\.org$' | xargs -I{} kubectl patch {} --type=merge -p '{"metadata":{"managedFields":[{}]}}'`,
    });
  },
};
