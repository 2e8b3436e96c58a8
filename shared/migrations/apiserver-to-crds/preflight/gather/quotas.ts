import { NATIVE_KINDS, type NativeKind } from "../../../../calico/native/native-kinds.ts";
import type { JsonObject } from "../../../../json.ts";
import { objectAt, objectsAt, textAt } from "../../../../kubernetes/fields.ts";
import { type Cluster, objectsOf } from "./cluster.ts";

const GROUP = "projectcalico.org";
const QUANTITY = /^(\d+)(k|M|G|Ki|Mi|Gi)?$/;
const FACTORS: Readonly<Record<string, number>> = {
  ...{ k: 1e3, M: 1e6, G: 1e9 },
  ...{ Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 },
};

/** How many native objects of a kind a quota lets be created in its namespace. */
export interface Quota {
  namespace: string;
  name: string;
  /** The native plural. */
  plural: string;
  hard: number;
  used: number;
}

/**
 * The quotas that count native objects (`count/networkpolicies.projectcalico.org`). Quotas with scopes count none of them.
 * (apiserver, pkg/quota/v1/generic: MatchesNoScopeFunc)
 */
export async function gatherQuotas(cluster: Cluster): Promise<Quota[]> {
  const quotas: Quota[] = [];
  for await (const object of objectsOf(cluster, { apiVersion: "v1", plural: "resourcequotas" }))
    quotas.push(...quotasOf(object));
  return quotas;
}

/** The quotas that have no room for so many new objects of a kind in a namespace, each as a clause for people. */
export function exceeded(
  quotas: readonly Quota[],
  { plural }: Pick<NativeKind, "plural">,
  namespace: string,
  wanted: number,
): string[] {
  return quotas
    .filter((quota) => quota.namespace === namespace && quota.plural === plural)
    .filter(({ hard, used }) => used + wanted > hard)
    .map(
      ({ name, hard, used }) =>
        `${namespace}: the quota ${name} has room for ${Math.max(0, hard - used)} ${plural}.${GROUP} (hard ${hard}, used ${used}), and ${wanted} are copied`,
    );
}

function quotasOf(object: JsonObject): Quota[] {
  const spec = objectAt(object, "spec");
  const scopes = spec["scopes"];
  const isScoped =
    (Array.isArray(scopes) && scopes.length > 0) ||
    objectsAt(spec, "scopeSelector", "matchExpressions").length > 0;
  if (isScoped) return [];
  const [namespace, name] = [textAt(object, "metadata", "namespace"), textAt(object, "metadata", "name")];
  const used = objectAt(object, "status", "used");
  return Object.entries(objectAt(spec, "hard")).flatMap(([resource, quantity]) => {
    const kind = NATIVE_KINDS.find(({ plural }) => resource === `count/${plural}.${GROUP}`);
    const hard = amountOf(quantity);
    if (kind === undefined || hard === undefined) return [];
    return [{ namespace, name, plural: kind.plural, hard, used: amountOf(used[resource]) ?? 0 }];
  });
}

/** A number of objects, as Kubernetes writes quantities; undefined for what is none. */
function amountOf(quantity: unknown): number | undefined {
  if (typeof quantity === "number") return quantity;
  const [, digits, unit] = (typeof quantity === "string" ? QUANTITY.exec(quantity) : undefined) ?? [];
  return digits === undefined ? undefined : Number(digits) * (FACTORS[unit ?? ""] ?? 1);
}
