import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { backward } from "../../shared/calico/backward.ts";
import { forward } from "../../shared/calico/forward.ts";
import type { Carried, ForwardContext } from "../../shared/calico/forwarded.ts";
import { crdName } from "../../shared/calico/kinds.ts";
import { meaningHash } from "../../shared/calico/meaning.ts";
import { NODE_NAMES, type Sample, SAMPLES, storedText } from "../../shared/calico/testing/samples.ts";
import { rulesOf } from "../../shared/calico/versions/rules.ts";
import type { JsonObject } from "../../shared/json.ts";
import { applyDefaults, unknownFields, violations } from "../../shared/kubernetes/structural-schema.ts";
import {
  forwardLearning,
  noteOptionalFields,
} from "../../shared/migrations/etcd-to-kubernetes/preflight/missing-fields.ts";
import { schemaOf } from "../../shared/migrations/target/schemas.ts";
import { GENERATIONS, generationVersion, kindsWithoutCrd } from "./crd-generations.ts";
import { calicoCrds } from "./crds.ts";

const GROUP = "crd.projectcalico.org/v1";

function schemasOf(generation: string): Map<string, JsonObject> {
  return new Map(
    calicoCrds(GROUP, generation).map((crd) => [
      (crd["metadata"] as { name: string }).name,
      schemaOf(crd, "v1") ?? assert.fail("no schema"),
    ]),
  );
}

/** A target of a generation, with what preflight finds out of its CRDs. */
function targetOf(generation: string) {
  const schemas = schemasOf(generation);
  const inventory = { missingFields: {} as Record<string, string[]> };
  const missingKinds = kindsWithoutCrd(generation);
  const calico = { rules: rulesOf(generationVersion(generation)), missingKinds, missingFields: new Map() };
  const conversion: ForwardContext = { targetGroup: GROUP, nodeNames: NODE_NAMES, calico };
  noteOptionalFields({ schemas, conversion }, inventory);
  const convert = ({ key, value }: Pick<Sample, "key" | "value">) => {
    const stored = Buffer.from(storedText({ key, value } as Sample));
    const kv = { key, value: stored, modRevision: 1 };
    return forwardLearning(kv as Parameters<typeof forwardLearning>[0], { schemas, conversion }, inventory);
  };
  return { schemas, inventory, conversion, convert };
}

function assertAccepted({ kind, object }: Carried, schemas: ReadonlyMap<string, JsonObject>): void {
  if (kind === "Node") return;
  const schema = schemas.get(crdName(kind, GROUP) ?? "") ?? assert.fail(kind);
  assert.deepEqual(unknownFields(schema, object), [], kind);
  assert.deepEqual(violations(schema, applyDefaults(schema, object)), [], kind);
}

/** What Calico of 3.31 and older could not have stored, or what an older CRD cannot hold. */
const NOT_OF_OLD: Readonly<Record<string, string>> = {
  TIER_UNKNOWN: "3.29",
  KIND_MISSING: "3.30",
  AFFINITY_TYPE_UNKNOWN: "3.30",
};

for (const generation of GENERATIONS) {
  describe(`CRDs of ${generation}`, () => {
    const target = targetOf(generation);
    const { schemas, inventory, conversion, convert } = target;

    test("accept every sample as it is converted for them, or it is left behind by name", () => {
      let carriedCount = 0;
      for (const sample of SAMPLES) {
        const result = convert(sample);
        if (result.outcome === "uncarriable") {
          const since = NOT_OF_OLD[result.code] ?? assert.fail(`${sample.key}: ${result.reason}`);
          assert.ok(generation < since, `${generation}: ${sample.key}: ${result.reason}`);
          continue;
        }
        assert.equal(result.outcome, "carry", sample.key);
        assertAccepted(result, schemas);
        carriedCount++;
      }
      assert.ok(carriedCount >= 15, String(carriedCount));
    });

    test("give every sample back byte for byte, whatever Calico etcd has", () => {
      for (const { key, value, kind } of SAMPLES.filter((one) => one.kind !== "ClusterInformation")) {
        const result = convert({ key, value });
        if (result.outcome !== "carry") continue;
        const stored = storedText({ key, value } as Sample);
        const schema = schemas.get(crdName(kind, GROUP) ?? "") ?? assert.fail(kind);
        // As it is read: what the CRD defaults is there, and is there in what is compared, too.
        const expected = applyDefaults(schema, result.object);
        const again = forward(key, stored, { ...conversion, calico: calicoNow() });
        assert.equal(again.outcome, "carry");
        assert.equal(meaningHash(applyDefaults(schema, again.object)), meaningHash(expected), key);
        for (const etcd of ["3.15", "3.28", "3.31", "3.34"]) {
          const back = backward(result.object, {
            ...{ nodeNames: NODE_NAMES, sourceGroup: GROUP, calico: calicoNow() },
            ...{ etcdVersion: generationVersion(etcd), existing: stored, existingKey: key },
          });
          assert.deepEqual(back, { key, value: stored }, `${etcd} ${key}`);
        }
      }
    });

    const calicoNow = () => ({
      ...(conversion.calico ?? assert.fail("no Calico")),
      missingFields: new Map(Object.entries(inventory.missingFields)),
    });
  });
}

test("each generation has the CRDs that it had", () => {
  const counts = GENERATIONS.map((generation) => [generation, calicoCrds(GROUP, generation).length]);
  assert.deepEqual(counts, [
    ["3.15", 15],
    ["3.22", 17],
    ["3.24", 17],
    ["3.26", 18],
    ["3.28", 18],
    ["3.29", 19],
    ["3.30", 22],
    ["3.32", 22],
    ["3.34", 22],
  ]);
});

test("the newest generation is the test bed's own table", () => {
  assert.deepEqual(calicoCrds(GROUP, "3.34"), calicoCrds(GROUP));
  const native = "projectcalico.org/v3";
  assert.deepEqual(calicoCrds(native, "3.34"), calicoCrds(native));
});
