import { readMetadata } from "../../calico/metadata.ts";
import type { JsonObject } from "../../json.ts";
import { objectAt, objectsAt, textAt } from "../fields.ts";
import { managersOf } from "../managed-fields.ts";
import { GITOPS_KINDS } from "./kinds.ts";

/** A trace that a manager leaves on what it manages. */
export interface Mark {
  /** Which manager: `<tool>/<kind>/<name>`, see `marksAnsweredBy`. */
  manager: string;
  /** What shows it. */
  evidence: string;
}

type Texts = Readonly<Record<string, string>>;

const TRACKING_ID = "argocd.argoproj.io/tracking-id";
const INSTANCE = "argocd.argoproj.io/instance";
const OBJECT_SET = "objectset.rio.cattle.io";

/**
 * The managers that an object names in its labels and annotations; for objects of crd.projectcalico.org/v1 also in those
 * that Calico keeps in the annotation projectcalico.org/metadata. Only `metadata` is read.
 *
 * - Argo CD: annotation tracking-id, `<application>:<group>/<kind>:<namespace>/<name>`; label argocd.argoproj.io/instance
 *   where it is the configured one (https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/)
 * - Flux: labels `<group>/name` and `<group>/namespace` (https://fluxcd.io/flux/faq/, origin labels)
 * - Fleet: annotation objectset.rio.cattle.io/id, `default-<bundle>` (GetSetID of Fleet's agent)
 * - K3s and RKE2: the same prefix with owner-gvk, owner-namespace and owner-name (rancher/wrangler, pkg/apply)
 * - Helm: annotations meta.helm.sh/release-name and -namespace, which lead to a HelmRelease of Flux
 */
export function marksOf(object: JsonObject): Mark[] {
  const { labels, annotations } = readMetadata(object);
  return [
    ...argoMarks(labels, annotations),
    ...fluxMarks(labels),
    ...setMarks(annotations),
    ...helmMarks(annotations),
  ];
}

/**
 * The marks on a manager that name whoever would undo its pause: its owners in the tool, and the managers that manage
 * it.
 */
export function parentMarks(manager: JsonObject): Mark[] {
  const reverted = revertedByFlux(manager);
  const others = marksOf(manager).filter((mark) => reverted || !/^(flux|helm)\//.test(mark.manager));
  return [...others, ...ownerMarks(manager), ...fleetParentMarks(manager)];
}

/** The marks, by their `manager`, that lead to this manager. */
export function marksAnsweredBy(kind: string, manager: JsonObject): string[] {
  const name = textAt(manager, "metadata", "name");
  const namespace = textAt(manager, "metadata", "namespace");
  const tool = GITOPS_KINDS.find((one) => one.kind === kind)?.tool ?? "";
  const own = `${tool}/${kind}/${namespace}/${name}`;
  switch (kind) {
    // In any namespace but Argo CD's own the tracking name is `<namespace>_<name>` (Application.InstanceName).
    case "Application":
      return [own, `argocd/Application/${name}`, `argocd/Application/${namespace}_${name}`];
    case "HelmRelease":
      return [own, `helm/Release/${releaseOf(manager, namespace, name)}`];
    case "Bundle":
      return [own, `fleet/Set/default-${name}`];
    default:
      return [own];
  }
}

function argoMarks(labels: Texts, annotations: Texts): Mark[] {
  const tracked = annotations[TRACKING_ID]?.split(":")[0];
  const instance = labels[INSTANCE];
  return [
    ...mark(tracked, "argocd/Application/", `annotation ${TRACKING_ID}`),
    ...mark(instance, "argocd/Application/", `label ${INSTANCE}`),
  ];
}

function fluxMarks(labels: Texts): Mark[] {
  return GITOPS_KINDS.filter(({ tool }) => tool === "flux").flatMap(({ group, kind }) => {
    const namespace = labels[`${group}/namespace`] ?? "";
    return mark(labels[`${group}/name`], `flux/${kind}/${namespace}/`, `label ${group}/name`);
  });
}

function setMarks(annotations: Texts): Mark[] {
  const owner = annotations[`${OBJECT_SET}/owner-gvk`];
  if (owner === undefined) {
    return mark(annotations[`${OBJECT_SET}/id`], "fleet/Set/", `annotation ${OBJECT_SET}/id`);
  }
  const namespace = annotations[`${OBJECT_SET}/owner-namespace`] ?? "";
  const name = annotations[`${OBJECT_SET}/owner-name`];
  // `k3s.cattle.io/v1, Kind=Addon`
  const kind = owner.split("Kind=").at(-1) ?? "";
  return mark(name, `objectset/${kind}/${namespace}/`, `annotation ${OBJECT_SET}/owner-name`);
}

function helmMarks(annotations: Texts): Mark[] {
  const namespace = annotations["meta.helm.sh/release-namespace"] ?? "";
  const key = "meta.helm.sh/release-name";
  return mark(annotations[key], `helm/Release/${namespace}/`, `annotation ${key}`);
}

function mark(name: string | undefined, prefix: string, evidence: string): Mark[] {
  return name === undefined || name === "" ? [] : [{ manager: `${prefix}${name}`, evidence }];
}

/** `[<targetNamespace>-]<name>` where no name is given (HelmRelease.GetReleaseName). */
function releaseOf(release: JsonObject, namespace: string, name: string): string {
  const target = textAt(release, "spec", "targetNamespace");
  const given = textAt(release, "spec", "releaseName");
  const composed = target === "" ? name : `${target}-${name}`;
  return `${target === "" ? namespace : target}/${given === "" ? composed : given}`;
}

/** An Application that an ApplicationSet has generated has it as its owner. */
function ownerMarks(manager: JsonObject): Mark[] {
  const namespace = textAt(manager, "metadata", "namespace");
  return objectsAt(manager, "metadata", "ownerReferences")
    .filter(({ kind }) => kind === "ApplicationSet")
    .flatMap((owner) =>
      mark(textAt(owner, "name"), `argocd/ApplicationSet/${namespace}/`, "owner reference"),
    );
}

/** The labels by which Fleet finds the Bundles of a GitRepo and of a HelmOp (RepoLabel, HelmOpLabel). */
function fleetParentMarks(manager: JsonObject): Mark[] {
  const namespace = textAt(manager, "metadata", "namespace");
  const labels = objectAt(manager, "metadata", "labels");
  return [
    { kind: "GitRepo", key: "fleet.cattle.io/repo-name" },
    { kind: "HelmOp", key: "fleet.cattle.io/fleet-helm-name" },
  ].flatMap(({ kind, key }) => mark(textAt(labels, key), `fleet/${kind}/${namespace}/`, `label ${key}`));
}

/**
 * Flux applies by server-side apply: it puts back only fields that its source sets, and those it owns. Suspending the
 * root of a repository for nothing would stop a whole cluster.
 */
function revertedByFlux(manager: JsonObject): boolean {
  const fields = GITOPS_KINDS.flatMap((kind) => kind.fields.map(({ path }) => path));
  const entries = objectsAt(manager, "metadata", "managedFields");
  const flux = managersOf(manager).map(({ manager: name }) => /^(kustomize|helm)-controller$/.test(name));
  return entries.some((entry, index) => flux[index] === true && fields.some((path) => owns(entry, path)));
}

function owns(entry: JsonObject, path: readonly string[]): boolean {
  const keys = path.map((key) => `f:${key}`);
  return (keys.at(-1) ?? "") in objectAt(entry, "fieldsV1", ...keys.slice(0, -1));
}
