import { z } from "zod";
import { NATIVE_KINDS } from "../../../calico/native/native-kinds.ts";
import type { Sweep, SweepPlan } from "../../../engine/migration.ts";
import type { JsonObject } from "../../../json.ts";
import { nativeApiService, savedApiService } from "../../../kubernetes/api-services.ts";
import { ADMISSION_GROUP, servedAdmissionVersions } from "../../../kubernetes/admission.ts";
import { crdResource } from "../../../kubernetes/crds.ts";
import { Discovery } from "../../../kubernetes/discovery.ts";
import { objectsAt, textAt } from "../../../kubernetes/fields.ts";
import type { ResourceRef } from "../../../kubernetes/types.ts";
import { jsonLines } from "../../artifact-lines.ts";
import { sealBackup } from "../../backup/index-file.ts";
import {
  type BackedUp,
  backUpObjects,
  CRDS_PER_PART,
  type ObjectsCursor,
  partName,
} from "../../backup/parts.ts";
import type { ClusterConnections } from "../../connections.ts";
import { readTarget } from "../../target/calls.ts";
import { type Context, isPrecopied, nativeVersion } from "../context.ts";
import { throughNative } from "../native-access.ts";
import type { ApiserverToCrdsOptions } from "../options.ts";
import { ifAllowed } from "../preflight/gather/cluster.ts";
import { deleteLeftovers } from "../undo/leftovers.ts";
import { reads } from "../../target/reads.ts";

const Cursor = z.object({ part: z.int(), resource: z.int(), continueToken: z.string().optional() });
const START = { part: 0, resource: 0 };
const OLD_GROUP = "crd.projectcalico.org";
const GROUPS: ReadonlySet<string> = new Set([OLD_GROUP, "projectcalico.org"]);
const ADMISSION_KINDS = ["MutatingAdmissionPolicy", "ValidatingAdmissionPolicy"];
const WORKLOAD = /^(calico-|tigera-|csi-node-driver$)/;

/**
 * Keeps everything that the run could change and that can be read before anything is changed: both groups' CRDs, all objects of
 * the old group whether they are converted or not, the APIService, Calico's admission policies and workloads. In parts of
 * bounded size, each with its SHA-256, which `restore` puts back.
 */
export const backup: Sweep<ClusterConnections, ApiserverToCrdsOptions> = {
  kind: "sweep",
  name: "backup",
  title: "back up the old group, the CRDs, the APIService and Calico's workloads",
  plan: async (context, previous) => {
    if (previous === undefined) await backUpApiService(context);
    const cursor = previous === undefined ? START : Cursor.parse(previous);
    const next = await backUpObjects(
      context,
      await resourcesOf(context),
      cursor,
      partName(context, "kubernetes"),
    );
    return goOn(context, next);
  },
  work: () => Promise.reject(new Error("backup has no batches")),
};

/**
 * Keeps the native objects that are there already. They can be seen only once the second version is open, as an aggregated API
 * server hides them; where it cannot be opened there is nothing to keep before the switch.
 */
export const backupNative: Sweep<ClusterConnections, ApiserverToCrdsOptions> = throughNative({
  kind: "sweep",
  name: "backup-native",
  title: "back up the native objects that are there already",
  undo: [deleteLeftovers],
  plan: async (context, previous) => {
    if (!(await isPrecopied(context))) return { batches: [], done: true };
    const cursor = previous === undefined ? START : Cursor.parse(previous);
    const resources = nativeResources(await nativeVersion(context));
    const next = await backUpObjects(context, resources, cursor, partName(context, "kubernetes", "native-"));
    return goOn(context, next);
  },
  work: () => Promise.reject(new Error("backup-native has no batches")),
});

async function goOn(context: Context, next: ObjectsCursor | undefined): Promise<SweepPlan> {
  if (next !== undefined) return { batches: [], cursor: { ...next } };
  await sealBackup(context);
  return { batches: [], done: true };
}

function nativeResources(apiVersion: string): BackedUp[] {
  const plurals = ["clusterinformations", ...NATIVE_KINDS.map(({ plural }) => plural)];
  return plurals.map((plural) => ({
    ref: { apiVersion: "projectcalico.org/v3", plural },
    from: { apiVersion, plural },
  }));
}

async function resourcesOf(context: Context): Promise<BackedUp[]> {
  const plurals = await oldPlurals(context);
  return [
    {
      ref: crdResource,
      perPart: CRDS_PER_PART,
      keep: onlyIf((crd) => GROUPS.has(textAt(crd, "spec", "group"))),
    },
    ...plurals.map((plural) => ({ ref: { apiVersion: `${OLD_GROUP}/v1`, plural } })),
    ...["daemonsets", "deployments"].map((plural) => ({
      ref: { apiVersion: "apps/v1", plural },
      keep: onlyIf((workload) => WORKLOAD.test(textAt(workload, "metadata", "name"))),
    })),
    ...(await admissionResources(context)),
  ];
}

/** Sorted, so that the order is the same for every page. A definition is named by its plural and its group. */
async function oldPlurals(context: Context): Promise<string[]> {
  const plurals: string[] = [];
  for await (const page of reads(context).pages(crdResource, { metadataOnly: true, signal: context.signal }))
    for (const crd of page) {
      const [plural = "", ...group] = textAt(crd, "metadata", "name").split(".");
      if (group.join(".") === OLD_GROUP) plurals.push(plural);
    }
  return plurals.sort();
}

/** Calico's policies, with their bindings. What the user may not list is not the run's to change either. */
async function admissionResources(context: Context): Promise<BackedUp[]> {
  const { signal } = context;
  const discovery = new Discovery(reads(context));
  const found: BackedUp[] = [];
  for (const kind of ADMISSION_KINDS) {
    const [version] = await servedAdmissionVersions(discovery, kind, { signal });
    if (version === undefined) continue;
    const policies = await discovery.find(`${ADMISSION_GROUP}/${version}`, kind, { signal });
    const bindings = await discovery.find(`${ADMISSION_GROUP}/${version}`, `${kind}Binding`, { signal });
    if (policies === undefined || bindings === undefined) continue;
    const names = await ifAllowed(() => policyNames(context, policies));
    if ("unread" in names) continue;
    found.push({ ref: refOf(policies), keep: onlyIf(isCalicoPolicy) });
    const isBinding = (one: JsonObject): boolean => names.has(textAt(one, "spec", "policyName"));
    if (names.size > 0 && (await mayList(context, refOf(bindings))))
      found.push({ ref: refOf(bindings), keep: onlyIf(isBinding) });
  }
  return found;
}

async function policyNames(context: Context, type: ResourceRef): Promise<Set<string>> {
  const names = new Set<string>();
  for await (const page of reads(context).pages(refOf(type), { signal: context.signal }))
    for (const one of page.filter(isCalicoPolicy)) names.add(textAt(one, "metadata", "name"));
  return names;
}

async function mayList({ connections, signal }: Context, ref: ResourceRef): Promise<boolean> {
  const page = await ifAllowed(() =>
    connections.kubernetes.list(ref, { limit: 1, metadataOnly: true, signal }),
  );
  return !("unread" in page);
}

function refOf({ apiVersion, plural }: ResourceRef): ResourceRef {
  return { apiVersion, plural };
}

function isCalicoPolicy(policy: JsonObject): boolean {
  const rules = objectsAt(policy, "spec", "matchConstraints", "resourceRules");
  return rules.some(({ apiGroups }) => Array.isArray(apiGroups) && apiGroups.includes("projectcalico.org"));
}

/** The last part of all, as what is restored after it would go to the aggregated API server. */
async function backUpApiService(context: Context): Promise<void> {
  const found = await readTarget(context, nativeApiService);
  if (found === undefined) return;
  const { apiVersion, plural } = nativeApiService;
  const line = { ref: { apiVersion, plural }, object: savedApiService(found) };
  await context.artifacts.write(partName(context, "kubernetes", "v3-apiservice-")(0), jsonLines([line]));
}

function onlyIf(isWanted: (object: JsonObject) => boolean): (object: JsonObject) => JsonObject | undefined {
  return (object) => (isWanted(object) ? object : undefined);
}
