import type { JsonObject } from "../../json.ts";
import { textAt } from "../fields.ts";
import type { CallOptions, KubernetesApi } from "../types.ts";
import { claimsOnCalico } from "./claims.ts";
import { type Evidence, evidenceOf, EvidenceTally, joined } from "./evidence.ts";
import { type ServedGitOps, servedGitOps } from "./kinds.ts";
import { marksAnsweredBy, marksOf, parentMarks } from "./marks.ts";
import { parentsFirst } from "./parents-first.ts";
import type { ManagerRef } from "./saved-pause.ts";

/** Objects of managers can be large: an Application's status names all it holds. */
const PAGE_SIZE = 50;

/** An object of this cluster that manages something of Calico, or a manager of such. */
export interface Manager extends ManagerRef {
  kind: string;
  evidence: Evidence;
}

/** Someone who manages something of Calico, but cannot be paused from here. */
export interface ManagerElsewhere {
  /** `objectset` are K3s, RKE2 and others that apply with Rancher's library. */
  tool: "argocd" | "flux" | "fleet" | "objectset";
  /** Kind and name as far as the marks tell: `Application calico`. */
  name: string;
  evidence: Evidence;
}

/** Who manages Calico. */
export interface Managers {
  /** In the order to pause them in: whoever would undo the pause of another comes before it. */
  managers: Manager[];
  /** Known by their marks alone: in a central Argo CD or Rancher, or deleted while what they managed stayed. */
  elsewhere: ManagerElsewhere[];
}

/** A manager while the search goes on. */
interface Found {
  manager: Manager;
  /** The marks that lead to it. */
  answers: readonly string[];
  /** The marks that it bears itself. */
  parents: readonly string[];
}

/**
 * Finds who manages Calico by GitOps: Argo CD Applications (with their ApplicationSets), Flux Kustomizations and
 * HelmReleases, Fleet Bundles (with their GitRepos and HelmOps), by what they say themselves and by the marks on `objects`, and
 * then who manages those. `objects` are pages of Calico's objects, its CustomResourceDefinitions and its workloads; only
 * `metadata` is looked at. Reads alone, a page at a time: what is held in memory grows with the managers, not with what
 * they manage. Throws KubernetesApiError.
 */
export async function findManagers(
  api: KubernetesApi,
  objects: AsyncIterable<readonly JsonObject[]>,
  options: CallOptions = {},
): Promise<Managers> {
  const served = await servedGitOps(api, options);
  const tally = new EvidenceTally();
  for await (const page of objects) for (const object of page) addMarks(tally, object);
  await addDeployments(api, served, tally, options);
  const found = new Map<string, Found>();
  for (let before = -1; tally.managers.length > before;) {
    before = tally.managers.length;
    await look(api, served, tally, found, options);
  }
  const all = [...found.values()];
  return { managers: parentsFirst(all).map(({ manager }) => manager), elsewhere: elsewhereOf(tally, all) };
}

function addMarks(tally: EvidenceTally, object: JsonObject): void {
  for (const { manager, evidence } of marksOf(object)) tally.add(manager, `${evidence} of ${nameOf(object)}`);
}

/** A BundleDeployment is not paused itself: it speaks for its Bundle, which its labels name. */
async function addDeployments(
  api: KubernetesApi,
  { bundleDeployments }: ServedGitOps,
  tally: EvidenceTally,
  options: CallOptions,
): Promise<void> {
  if (bundleDeployments === undefined) return;
  for await (const page of api.pages(bundleDeployments, { ...options, pageSize: PAGE_SIZE })) {
    for (const deployment of page) {
      const label = (key: string): string =>
        textAt(deployment, "metadata", "labels", `fleet.cattle.io/bundle-${key}`);
      for (const sign of claimsOnCalico("BundleDeployment", deployment)) {
        tally.add(`fleet/Bundle/${label("namespace")}/${label("name")}`, sign);
      }
    }
  }
}

/** One walk over all managers; those it finds may bear marks of others, which the next walk finds. */
async function look(
  api: KubernetesApi,
  { kinds }: ServedGitOps,
  tally: EvidenceTally,
  found: Map<string, Found>,
  options: CallOptions,
): Promise<void> {
  for (const { tool, kind, apiVersion, plural } of kinds) {
    for await (const page of api.pages({ apiVersion, plural }, { ...options, pageSize: PAGE_SIZE })) {
      for (const object of page) {
        const ref = { tool, apiVersion, plural, ...identityOf(object) };
        if (found.has(ref.uid)) continue;
        const one = judge(kind, ref, object, tally);
        if (one === undefined) continue;
        found.set(ref.uid, one);
        const sign = `manages ${kind} ${ref.namespace}/${ref.name}`;
        for (const { manager, evidence } of parentMarks(object)) tally.add(manager, `${sign} (${evidence})`);
      }
    }
  }
}

function judge(kind: string, ref: ManagerRef, object: JsonObject, tally: EvidenceTally): Found | undefined {
  const answers = marksAnsweredBy(kind, object);
  const claims = evidenceOf(claimsOnCalico(kind, object));
  const evidence = joined([claims, ...answers.map((mark) => tally.of(mark))]);
  if (evidence.count === 0) return undefined;
  const parents = parentMarks(object).map(({ manager }) => manager);
  return { manager: { ...ref, kind, evidence }, answers, parents };
}

/** A Helm release alone is no manager that puts anything back. */
function elsewhereOf(tally: EvidenceTally, found: readonly Found[]): ManagerElsewhere[] {
  const answered = new Set(found.flatMap(({ answers }) => answers));
  return tally.managers
    .filter((mark) => !answered.has(mark) && !mark.startsWith("helm/"))
    .map((mark) => {
      const [tool, kind, ...name] = mark.split("/");
      const named = `${kind ?? ""} ${name.filter((part) => part !== "").join("/")}`;
      return { tool: tool as ManagerElsewhere["tool"], name: named, evidence: tally.of(mark) };
    });
}

function identityOf(object: JsonObject): { namespace: string; name: string; uid: string } {
  const text = (key: string): string => textAt(object, "metadata", key);
  return { namespace: text("namespace"), name: text("name"), uid: text("uid") };
}

function nameOf(object: JsonObject): string {
  const { namespace, name } = identityOf(object);
  const kind = textAt(object, "kind");
  const prefix = kind === "" || kind === "PartialObjectMetadata" ? "" : `${kind} `;
  return `${prefix}${namespace === "" ? "" : `${namespace}/`}${name}`;
}
