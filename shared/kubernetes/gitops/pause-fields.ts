import { canonicalJson, isJsonObject, type Json, type JsonObject } from "../../json.ts";
import { objectAt } from "../fields.ts";

/** A field that decides whether a manager works by itself. */
export interface PauseField {
  /** The members that lead to it. */
  path: readonly string[];
  /** Its value while paused, from the value that was found; undefined stands for an absent field, here and there. */
  paused(found: Json | undefined): Json | undefined;
  /** The value that an absent field stands for. */
  absent?: Json;
}

/**
 * Argo CD, Application `spec.syncPolicy.automated`: syncs by itself when it is there and its `enabled` is not false. It
 * is taken out whole, as servers that do not know `enabled` would drop that member and go on syncing.
 * (https://argo-cd.readthedocs.io/en/stable/user-guide/auto_sync/, SyncPolicy.IsAutomatedSyncEnabled)
 */
export const automatedSync: PauseField = {
  path: ["spec", "syncPolicy", "automated"],
  paused: (found) => (isJsonObject(found) && found["enabled"] !== false ? undefined : found),
};

/**
 * Argo CD, ApplicationSet `spec.syncPolicy.applicationsSync`: `create-only` leaves Applications that exist alone, and
 * starts no sync of them (strategy RollingSync). A controller with `--policy` and without an override ignores it.
 * (https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/Controlling-Resource-Modification/)
 */
export const applicationsSync: PauseField = {
  path: ["spec", "syncPolicy", "applicationsSync"],
  paused: () => "create-only",
};

const SYNC_POLICY_IGNORED: JsonObject = { jsonPointers: ["/spec/syncPolicy"] };

/**
 * Argo CD, ApplicationSet `spec.ignoreApplicationDifferences`: with this rule a syncPolicy that was changed in an
 * Application stays as it is, whatever the controller's `--policy`. (same page, "Allow temporarily toggling auto-sync")
 */
export const ignoredDifferences: PauseField = {
  path: ["spec", "ignoreApplicationDifferences"],
  paused: (found) => {
    const rules = Array.isArray(found) ? found : [];
    const there = rules.some((rule) => canonicalJson(rule) === canonicalJson(SYNC_POLICY_IGNORED));
    return there ? found : [...rules, SYNC_POLICY_IGNORED];
  },
};

/**
 * Flux, `spec.suspend` of Kustomizations and HelmReleases: no reconciliation begins while it is true.
 * (https://fluxcd.io/flux/components/kustomize/kustomizations/#suspend, …/helm/helmreleases/#suspend)
 */
export const suspend: PauseField = { path: ["spec", "suspend"], paused: () => true, absent: false };

/**
 * Fleet, `spec.paused` of GitRepos, HelmOps and Bundles: changes are not taken to clusters, and drift is not mended
 * (Fleet's agent clears the detection of drift). That of a GitRepo is written into its Bundles whenever it changes.
 * (https://fleet.rancher.io/ref-crds, BundleSpec and GitRepoSpec)
 */
export const paused: PauseField = { path: ["spec", "paused"], paused: () => true, absent: false };

/** What an object has at a field; undefined when it has not. */
export function valueOf(object: JsonObject, { path }: PauseField): Json | undefined {
  return objectAt(object, ...path.slice(0, -1))[path.at(-1) ?? ""];
}

/** True when both values mean the same to the tool. */
export function meansSame(field: PauseField, a: Json | undefined, b: Json | undefined): boolean {
  const text = (value: Json | undefined): string => canonicalJson(value ?? field.absent);
  return text(a) === text(b);
}
