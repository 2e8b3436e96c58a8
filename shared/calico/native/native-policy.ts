import type { Json, JsonObject } from "../../json.ts";
import { applyDefaults } from "../defaults.ts";
import { TIERED_KINDS } from "../kinds.ts";
import { DEFAULT_TIER } from "../names.ts";
import { isFilled, isNarrowedByDefaults } from "../policy-types.ts";

/** The parts of an object that have defaults. */
interface Defaultable {
  readonly labels: Readonly<Record<string, string>>;
  readonly spec: JsonObject;
}

/** An object with its defaults. */
interface Defaulted extends Defaultable {
  /** What the native object says and the v1 object does not, where Calico's defaults would say something else. */
  readonly changes: readonly string[];
}

const BOTH_TYPES = "spec.types is absent, which is enforced as Ingress and Egress; it says so from now on";

/**
 * Fills in what Calico reads into a tier, the types by which Felix enforces a policy that has none, and else what the
 * admission policies `tierlabel` and `policytypes` write into a policy. Empty lists count as absent, as they do once Calico has read and written them. Gives new objects.
 */
export function defaulted(kind: string, { labels, spec }: Defaultable): Defaulted {
  if (kind === "Tier") return defaultedTier(labels, spec);
  if (kind === "StagedKubernetesNetworkPolicy") {
    return { labels, spec: { ...spec, policyTypes: kubernetesTypes(spec) }, changes: [] };
  }
  return TIERED_KINDS.has(kind) ? defaultedPolicy(kind, labels, spec) : { labels, spec, changes: [] };
}

function defaultedTier(labels: Defaultable["labels"], spec: JsonObject): Defaulted {
  const draft = { kind: "Tier", name: "", labels, annotations: {}, spec: { ...spec } };
  applyDefaults(draft);
  return { labels, spec: draft.spec, changes: [] };
}

function defaultedPolicy(kind: string, labels: Defaultable["labels"], spec: JsonObject): Defaulted {
  const draft = { kind, name: "", labels, annotations: {}, spec: { ...spec } };
  applyDefaults(draft);
  const tier = spec.tier === undefined || spec.tier === "" ? DEFAULT_TIER : spec.tier;
  const changes = isNarrowedByDefaults(kind, spec) ? [BOTH_TYPES] : [];
  return { labels: draft.labels, spec: { ...draft.spec, tier }, changes };
}

/** As Kubernetes does: a policy with rules for egress is one for both directions. */
function kubernetesTypes(spec: JsonObject): Json {
  if (isFilled(spec.policyTypes)) return spec.policyTypes;
  return isFilled(spec.egress) ? ["Ingress", "Egress"] : ["Ingress"];
}
