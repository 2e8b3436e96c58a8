import { crdName } from "../../../calico/kinds.ts";
import { forward } from "../../../calico/forward.ts";
import type { Forwarded, ForwardContext } from "../../../calico/forwarded.ts";
import { NEWEST_CALICO, OPTIONAL_FIELDS, withoutIndexes } from "../../../calico/versions/target-calico.ts";
import type { EtcdKeyValue } from "../../../etcd/types.ts";
import type { JsonObject } from "../../../json.ts";
import { unknownFields } from "../../../kubernetes/structural-schema.ts";
import type { Inventory } from "./inventory.ts";
import type { Surroundings } from "./read-resources.ts";

/** The conversion with what is known by now of the fields that the target's CRDs lack. */
export function knownConversion(
  conversion: ForwardContext,
  { missingFields }: Pick<Inventory, "missingFields">,
): ForwardContext {
  const calico = conversion.calico ?? NEWEST_CALICO;
  return { ...conversion, calico: { ...calico, missingFields: new Map(Object.entries(missingFields)) } };
}

/** Notes which of the fields that may be left out the target's CRDs lack: what comes later may need it, too. */
export function noteOptionalFields(
  { schemas, conversion }: Pick<Surroundings, "schemas" | "conversion">,
  inventory: Pick<Inventory, "missingFields">,
): void {
  for (const [kind, paths] of OPTIONAL_FIELDS) {
    const schema = schemas.get(crdName(kind, conversion.targetGroup) ?? "");
    if (schema !== undefined)
      note(
        inventory,
        kind,
        paths.filter((path) => lacks(schema, path)),
      );
  }
}

function lacks(schema: JsonObject, path: string): boolean {
  const object = path
    .split(".")
    .reduceRight<JsonObject | boolean>((inner, name) => ({ [name]: inner }), true);
  return unknownFields(schema, object as JsonObject).length > 0;
}

/**
 * What a value becomes; fields of it that the target's CRD lacks are noted, and left out where that may be. The same
 * `missingFields` leave them out whenever the value is converted again.
 */
export function forwardLearning(
  kv: EtcdKeyValue,
  { schemas, conversion }: Pick<Surroundings, "schemas" | "conversion">,
  inventory: Pick<Inventory, "missingFields">,
): Forwarded {
  const first = forward(kv.key, kv.value, knownConversion(conversion, inventory));
  if (first.outcome !== "carry") return first;
  const schema = schemas.get(crdName(first.kind, conversion.targetGroup) ?? "");
  const unknown = schema === undefined ? [] : unknownFields(schema, first.object).map(withoutIndexes);
  if (!note(inventory, first.kind, unknown)) return first;
  return forward(kv.key, kv.value, knownConversion(conversion, inventory));
}

/** True when one of these paths was new. */
function note(
  { missingFields }: Pick<Inventory, "missingFields">,
  kind: string,
  paths: readonly string[],
): boolean {
  const known = missingFields[kind] ?? [];
  const added = [...new Set(paths)].filter((path) => !known.includes(path));
  if (added.length === 0) return false;
  missingFields[kind] = [...known, ...added].sort();
  return true;
}
