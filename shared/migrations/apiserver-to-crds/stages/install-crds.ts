import { nativeGuards } from "../../../calico/native/guards.ts";
import type { Action } from "../../../engine/migration.ts";
import type { JsonObject } from "../../../json.ts";
import { nativeApiService } from "../../../kubernetes/api-services.ts";
import { readApiService } from "../../../kubernetes/api-services-calls.ts";
import { waitEstablished } from "../../../kubernetes/crds.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import type { ClusterConnections } from "../../connections.ts";
import { isCrd } from "../../manifests.ts";
import { type Context, findings, sendFor } from "../context.ts";
import { createMissing } from "../create-missing.ts";
import { readCrdManifest } from "../manifest.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { nativeCrdNames } from "../native-definitions.ts";
import { removeCrds } from "../undo-install.ts";
import { reads } from "../../target/reads.ts";

/** Where Calico's components are by its manifests, its charts and its operator, to which an install may change one day. */
const CALICO_NAMESPACES = ["kube-system", "calico-system", "tigera-operator"];

/**
 * Creates the native CRDs and admission policies that are missing, and those that take over what the API server guards. What is
 * there already is left as it is: preflight has judged it.
 */
export const installCrds: Action<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "action",
  name: "install-crds",
  title: "create the native CRDs and admission policies that are missing",
  changesCluster: true,
  undo: [removeCrds],
  act: async (context) => {
    const objects = await readCrdManifest(context);
    await createMissing(context, objects.filter(isCrd));
    await waitEstablished(reads(context), nativeCrdNames(), { signal: context.signal });
    const isLate = await isAggregatedBroken(context);
    await context.record({ admissionLate: isLate });
    const others = objects.filter((object) => !isCrd(object) && !(isLate && isMutating(object)));
    await createMissing(context, [...others, ...(await guards(context))]);
    return { done: true };
  },
};

/**
 * The policies that guard tiers and ClusterInformation. They are there before the second version, through which
 * somebody could get round them. None where an operator installs Calico, as it brings Calico's own webhooks.
 */
async function guards(context: Context): Promise<JsonObject[]> {
  const { installer, namespace } = await findings(context);
  if (installer === "operator" || context.options.guards === "none") return [];
  return nativeGuards([...new Set([namespace, ...CALICO_NAMESPACES])]);
}

/**
 * Calico's mutating policies have a parameter kind of projectcalico.org/v3. While a broken API server serves that, Kubernetes
 * cannot find the kind, and refuses every policy that is written: these are created once the API server is gone.
 */
async function isAggregatedBroken(context: Context): Promise<boolean> {
  const { served, available } = await readApiService(sendFor(context), nativeApiService);
  return served === "aggregated" && !available;
}

/** True for Calico's mutating admission policies and their bindings. */
export function isMutating(object: JsonObject): boolean {
  return textAt(object, "kind").startsWith("MutatingAdmissionPolicy");
}
