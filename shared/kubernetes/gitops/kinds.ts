import { MigratorError } from "../../errors.ts";
import type { AccessRule } from "../access.ts";
import { Discovery } from "../discovery.ts";
import type { CallOptions, KubernetesApi, ResourceRef } from "../types.ts";
import {
  applicationsSync,
  automatedSync,
  ignoredDifferences,
  type PauseField,
  paused,
  suspend,
} from "./pause-fields.ts";
import type { GitOpsTool } from "./saved-pause.ts";

/** A kind of objects that manage others, and what pauses them. */
export interface GitOpsKind {
  tool: GitOpsTool;
  group: string;
  kind: string;
  plural: string;
  fields: readonly PauseField[];
}

const FLUX_KUSTOMIZE = "kustomize.toolkit.fluxcd.io";
const FLUX_HELM = "helm.toolkit.fluxcd.io";
const FLEET = "fleet.cattle.io";

/** Every kind that can be paused. Plurals are unique among them. */
export const GITOPS_KINDS: readonly GitOpsKind[] = [
  {
    tool: "argocd",
    group: "argoproj.io",
    kind: "ApplicationSet",
    plural: "applicationsets",
    fields: [applicationsSync, ignoredDifferences],
  },
  {
    tool: "argocd",
    group: "argoproj.io",
    kind: "Application",
    plural: "applications",
    fields: [automatedSync],
  },
  { tool: "flux", group: FLUX_KUSTOMIZE, kind: "Kustomization", plural: "kustomizations", fields: [suspend] },
  { tool: "flux", group: FLUX_HELM, kind: "HelmRelease", plural: "helmreleases", fields: [suspend] },
  { tool: "fleet", group: FLEET, kind: "GitRepo", plural: "gitrepos", fields: [paused] },
  { tool: "fleet", group: FLEET, kind: "HelmOp", plural: "helmops", fields: [paused] },
  { tool: "fleet", group: FLEET, kind: "Bundle", plural: "bundles", fields: [paused] },
];

/** What Fleet deploys of a Bundle to one cluster: read for what it names, never written. */
const BUNDLE_DEPLOYMENT = { group: FLEET, kind: "BundleDeployment", plural: "bundledeployments" } as const;

/** The kind of a saved record. Throws GITOPS_KIND_UNKNOWN: the record is of another version of this program. */
export function gitOpsKind(plural: string): GitOpsKind {
  const found = GITOPS_KINDS.find((kind) => kind.plural === plural);
  if (found !== undefined) return found;
  throw new MigratorError("GITOPS_KIND_UNKNOWN", `"${plural}" is not a kind that this program can pause`, {
    next: "Go on with the version of this program that has paused it.",
  });
}

/** What finding, pausing and resuming managers needs; rules of kinds that the cluster does not serve do no harm. */
export function gitOpsAccess(verbs: readonly ("list" | "get" | "patch")[]): AccessRule[] {
  const rules = GITOPS_KINDS.flatMap(({ group, plural }) =>
    verbs.map((verb) => ({ group, resource: plural, verb })),
  );
  const { group, plural } = BUNDLE_DEPLOYMENT;
  return verbs.includes("list") ? [...rules, { group, resource: plural, verb: "list" }] : rules;
}

/** What of GitOps a cluster serves. */
export interface ServedGitOps {
  kinds: (GitOpsKind & { apiVersion: string })[];
  bundleDeployments: ResourceRef | undefined;
}

/** Asks the cluster which kinds it serves, each in the version that it prefers. */
export async function servedGitOps(api: KubernetesApi, options: CallOptions = {}): Promise<ServedGitOps> {
  const discovery = new Discovery(api);
  const served: ServedGitOps["kinds"] = [];
  for (const kind of GITOPS_KINDS) {
    const apiVersion = await servedVersion(discovery, kind, options);
    if (apiVersion !== undefined) served.push({ ...kind, apiVersion });
  }
  const apiVersion = await servedVersion(discovery, BUNDLE_DEPLOYMENT, options);
  const { plural } = BUNDLE_DEPLOYMENT;
  return { kinds: served, bundleDeployments: apiVersion === undefined ? undefined : { apiVersion, plural } };
}

async function servedVersion(
  discovery: Discovery,
  { group, kind }: { group: string; kind: string },
  options: CallOptions,
): Promise<string | undefined> {
  for (const version of await discovery.versionsOf(group, options)) {
    const found = await discovery.find(`${group}/${version}`, kind, options);
    if (found !== undefined) return found.apiVersion;
  }
  return undefined;
}
