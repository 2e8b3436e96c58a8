import type { JsonObject } from "../../../shared/json.ts";
import { ADMISSION_GROUP } from "../../../shared/kubernetes/admission.ts";
import { objectsAt, textAt } from "../../../shared/kubernetes/fields.ts";
import { mustRequest, type TestApi } from "../../harness/api.ts";
import { dumpKubernetes } from "../../harness/dump.ts";
import { kubernetesRelease } from "../../harness/kubernetes-release.ts";
import { inParallel } from "../../harness/parallel.ts";
import { Snapshot } from "../../harness/snapshot.ts";
import { dumpGroups } from "./dump.ts";
import { GITOPS_PATHS } from "./gitops.ts";

const OLD = "/apis/crd.projectcalico.org/v1";
const ADMISSION = `/apis/${ADMISSION_GROUP}/v1`;
const MUTATING = `/apis/${ADMISSION_GROUP}/${kubernetesRelease().mutating ?? "v1"}`;

/** Where a run may leave traces, besides both groups. */
const SURROUNDINGS = [
  "/apis/projectcalico.org/v3precopy",
  "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
  "/apis/apiregistration.k8s.io/v1/apiservices",
  `${MUTATING}/mutatingadmissionpolicies`,
  `${MUTATING}/mutatingadmissionpolicybindings`,
  `${ADMISSION}/validatingadmissionpolicies`,
  `${ADMISSION}/validatingadmissionpolicybindings`,
  "/apis/apps/v1/daemonsets",
  "/apis/apps/v1/deployments",
  "/api/v1/configmaps",
  "/api/v1/namespaces",
  ...GITOPS_PATHS,
];

/** Counters of rollouts, which only grow. */
const REVISION =
  /,?"(deployment\.kubernetes\.io\/revision|deprecated\.daemonset\.template\.generation)":"\d+"/g;

/** A cluster at one moment. */
export interface ClusterState {
  /** All that a run could change, without what the API server and controllers report. */
  content: Snapshot;
  /** UID and resourceVersion of every object of the old group but ClusterInformation, the lock: they tell any write at all. */
  versions: Snapshot;
}

/** Reads a cluster that authenticates by token. */
export async function clusterState(api: TestApi): Promise<ClusterState> {
  const { old, native } = await dumpGroups(api);
  const around = await dumpKubernetes(api, { paths: SURROUNDINGS });
  const entries = [old, native, around].flatMap((snapshot) => [...snapshot.entries]);
  const content = new Snapshot(entries.map(([id, text]) => [id, text.replaceAll(REVISION, "")] as const));
  return { content, versions: await oldVersions(api) };
}

/** What is another one in `later`, by the ids of both snapshots; empty when nothing was written or left behind. */
export function differences(before: ClusterState, later: ClusterState): string[] {
  const changed = before.content.changesUntil(later.content);
  const written = before.versions.changesUntil(later.versions);
  return [
    ...changed.map(({ id, before, after }) => `${id}: ${short(before)} became ${short(after)}`),
    ...written.map(({ id }) => `${id} was written`),
  ];
}

function short(text = "nothing"): string {
  return text.length > 800 ? `${text.slice(0, 800)}…` : text;
}

/** UID and resourceVersion of every object of the old group but ClusterInformation. */
export async function oldVersions(api: TestApi): Promise<Snapshot> {
  const { resources } = await mustRequest(api, "GET", OLD);
  const plurals = (Array.isArray(resources) ? (resources as JsonObject[]) : [])
    .map((resource) => textAt(resource, "name"))
    .filter((plural) => !plural.includes("/") && plural !== "clusterinformations");
  const entries: [string, string][] = [];
  await inParallel(plurals, 4, async (plural) => {
    for (const item of objectsAt(await mustRequest(api, "GET", `${OLD}/${plural}`), "items")) {
      const of = (field: string) => textAt(item, "metadata", field);
      entries.push([`${plural}/${of("namespace")}/${of("name")}`, `${of("uid")} ${of("resourceVersion")}`]);
    }
  });
  return new Snapshot(entries);
}
