import type { CrdFact, CrdOwner } from "../facts.ts";
import { block, type Check, pass, warn } from "../check.ts";

/** Nobody puts CRDs back, or takes them away. */
export const crdOwners: Check = {
  id: "crd-owners",
  title: "no Helm release and no object set owns the CRDs of the old group",
  why: "Its next upgrade deletes the old CRDs with all of their objects where its new version has none, or puts them back after the cleanup: then Calico takes the old, empty group for its datastore. Native CRDs that it owns may lose the second version.",
  severity: "blocking",
  fix: "Take the CRDs out of the release first.",
  judge: ({ oldCrds, nativeCrds }) => {
    const old = oldCrds.filter(isOwned);
    const [first] = old;
    if (first !== undefined) {
      const owners = describe(old);
      return block(`${old.length} CRDs of the old group belong to ${owners.join(", ")}`, {
        items: old.map(({ name }) => name),
        next: recipe(first.owner),
      });
    }
    const native = nativeCrds.filter(isOwned);
    if (native.length === 0) return pass("none does");
    return warn(`${native.length} native CRDs belong to ${describe(native).join(", ")}`, {
      items: native.map(({ name }) => name),
      next: "Do not upgrade it while the migration is going on: if it takes the second version out, the rest is copied inside the lock.",
    });
  },
};

type Owned = CrdFact & { owner: CrdOwner };

function isOwned(crd: CrdFact): crd is Owned {
  return crd.owner !== undefined;
}

function describe(crds: readonly Owned[]): string[] {
  const names = crds.map(({ owner }) =>
    owner.tool === "helm" ? `the Helm release ${owner.name}` : `the object set of ${owner.name}`,
  );
  return [...new Set(names)];
}

const OLD_CRDS = `$(kubectl get crd -o name | grep '\\.crd\\.projectcalico\\.org$')`;

/**
 * How CRDs leave their owner without being deleted. Helm keeps what has the annotation helm.sh/resource-policy=keep on
 * the live object when a new version of the chart leaves it out, and adopts what has its own annotations and label.
 */
function recipe({ tool, name }: CrdOwner): string {
  if (tool === "objectset")
    return `Take the CRDs out of the source of ${name}, then take its marks off them: kubectl label ${OLD_CRDS} objectset.rio.cattle.io/hash- ; kubectl annotate ${OLD_CRDS} objectset.rio.cattle.io/applied- objectset.rio.cattle.io/id- objectset.rio.cattle.io/owner-gvk- objectset.rio.cattle.io/owner-name- objectset.rio.cattle.io/owner-namespace-`;
  const [namespace = "", release = ""] = name.split("/");
  return [
    `Make Helm keep them: kubectl annotate --overwrite ${OLD_CRDS} helm.sh/resource-policy=keep`,
    `upgrade ${name} with a chart or values without these CRDs`,
    `take its marks off them: kubectl annotate ${OLD_CRDS} meta.helm.sh/release-name- meta.helm.sh/release-namespace- ; kubectl label ${OLD_CRDS} app.kubernetes.io/managed-by-`,
    `after the migration, let the release adopt the native CRDs, before an upgrade that brings them: kubectl annotate CRDS meta.helm.sh/release-name=${release} meta.helm.sh/release-namespace=${namespace} ; kubectl label CRDS app.kubernetes.io/managed-by=Helm`,
  ].join("; ");
}
