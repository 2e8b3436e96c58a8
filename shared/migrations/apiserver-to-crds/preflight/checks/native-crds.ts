import { crdNames } from "../../../../calico/kinds.ts";
import type { JsonObject } from "../../../../json.ts";
import { objectsAt, textAt } from "../../../../kubernetes/fields.ts";
import type { CrdFact, Facts } from "../facts.ts";
import { block, type Check, pass, warn } from "../check.ts";

/** There is a place for every kind. */
export const nativeCrds: Check = {
  id: "native-crds",
  title: "every native CRD is established, or is in the manifest",
  why: "A kind without its CRD cannot be copied; it would be noticed half-way.",
  severity: "blocking",
  fix: "Apply the native CRDs of your Calico release (manifests/v3_projectcalico_org.yaml), then `resume`; or start again with them in --crds.",
  judge: (facts) => {
    const present = new Map(facts.nativeCrds.map((crd) => [crd.name, crd]));
    const offered = new Set(facts.manifest.filter(storesV3).map((crd) => textAt(crd, "metadata", "name")));
    const missing = crdNames("projectcalico.org/v3").filter(
      (name) => !present.has(name) && !offered.has(name),
    );
    if (missing.length > 0)
      return block(`${missing.length} native CRDs are missing, among them ${missing[0] ?? ""}`, {
        items: missing,
      });
    const broken = brokenOf(facts);
    if (broken.length > 0)
      return block(`${broken.length} native CRDs cannot be used: ${broken[0] ?? ""}`, { items: broken });
    const impossible = withoutSecondVersion(facts);
    if (impossible.length > 0)
      return warn(`${impossible.length} native CRDs cannot have the second version: ${impossible[0] ?? ""}`, {
        items: impossible,
        next: "Their kinds are copied inside the lock, which then lasts longer. Apply the CRDs of your Calico release as they are to avoid it.",
      });
    const created = crdNames("projectcalico.org/v3").filter((name) => !present.has(name)).length;
    const found = created === 0 ? "all are established" : `${created} will be created from the manifest`;
    const hidden = facts.apiService.served === "aggregated" ? needed(facts).length : 0;
    return pass(hidden === 0 ? found : `${found}; ${hiddenText(hidden)}`);
  },
};

/** Nobody can read it then: what conflicts is known as soon as the run has opened the second version. */
function hiddenText(count: number): string {
  return `what ${count} of them hold already is hidden by the aggregated API server: whatever differs there is named at once by the stage try-copy, before the first object is written`;
}

function storesV3(object: JsonObject): boolean {
  const versions = objectsAt(object, "spec", "versions");
  return (
    object["kind"] === "CustomResourceDefinition" &&
    versions.some(
      (version) => version["name"] === "v3" && version["served"] === true && version["storage"] === true,
    )
  );
}

/** The native CRDs that Calico has a kind for; others of the group are none of this migration's business. */
function needed({ nativeCrds: crds }: Facts): CrdFact[] {
  const names = new Set(crdNames("projectcalico.org/v3"));
  return crds.filter(({ name }) => names.has(name));
}

function brokenOf(facts: Facts): string[] {
  return needed(facts).flatMap(({ name, established, reason, storage, served }) => {
    if (!established) return [`${name}: ${reason}`];
    if (storage !== "v3") return [`${name} stores ${storage ?? "nothing"}, not v3`];
    return served.includes("v3") ? [] : [`${name} does not serve v3`];
  });
}

function withoutSecondVersion(facts: Facts): string[] {
  return needed(facts).flatMap(({ name, secondVersion }) =>
    secondVersion.state === "impossible" ? [`${name}: ${secondVersion.reason}`] : [],
  );
}
