import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { crdName, type TargetGroup } from "../../../shared/calico/kinds.ts";
import { nativeKindOf } from "../../../shared/calico/native/native-kinds.ts";
import type { JsonObject } from "../../../shared/json.ts";
import { objectAt, textAt } from "../../../shared/kubernetes/fields.ts";
import { applyDefaults, unknownFields, violations } from "../../../shared/kubernetes/structural-schema.ts";
import { schemaOf } from "../../../shared/migrations/target/schemas.ts";
import { NATIVE_GENERATIONS } from "../../harness/crd-generations.ts";
import { calicoCrds } from "../../harness/crds.ts";
import { convertedFromDump } from "./converted.ts";
import { oldObjects } from "./objects.ts";
import { planNative } from "./plan.ts";

const OLD = "crd.projectcalico.org/v1";
const NATIVE = "projectcalico.org/v3";

/** The schemas of a generation's CRDs by name. */
function schemasOf(group: TargetGroup, generation: string): ReadonlyMap<string, JsonObject> {
  const version = group.slice(group.indexOf("/") + 1);
  const named = calicoCrds(group, generation).map((crd) => {
    const name = textAt(objectAt(crd, "metadata"), "name");
    return [name, schemaOf(crd, version) ?? assert.fail(name)] as const;
  });
  return new Map(named);
}

for (const generation of NATIVE_GENERATIONS) {
  describe(`native CRDs of ${generation}`, () => {
    test("take everything that the old group of that Calico can hold, as it is converted", () => {
      const old = schemasOf(OLD, generation);
      const native = schemasOf(NATIVE, generation);
      const taken = new Set<string>();
      for (const { kind, object: made } of oldObjects(planNative(400))) {
        const object = JSON.parse(JSON.stringify(made)) as JsonObject;
        const held = old.get(crdName(kind, OLD) ?? "") ?? assert.fail(kind);
        if (unknownFields(held, object).length > 0) continue;
        const schema = native.get(crdName(kind, NATIVE) ?? "") ?? assert.fail(kind);
        const converted =
          nativeKindOf(kind) === undefined
            ? { ...object, apiVersion: NATIVE }
            : convertedFromDump(object).object;
        assert.deepEqual(unknownFields(schema, converted), [], kind);
        assert.deepEqual(violations(schema, applyDefaults(schema, converted)), [], kind);
        taken.add(kind);
      }
      assert.ok(taken.size >= 20, [...taken].join());
    });
  });
}
