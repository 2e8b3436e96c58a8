import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { crdNames, type TargetGroup } from "../../shared/calico/kinds.ts";
import { isJsonObject, type Json, type JsonObject } from "../../shared/json.ts";
import { calicoCrds } from "./crds.ts";
import { temporaryFolder } from "./temporary-folder.ts";

const GROUPS: readonly TargetGroup[] = ["crd.projectcalico.org/v1", "projectcalico.org/v3"];

const names = (crds: readonly JsonObject[]) =>
  crds.map(({ metadata }) => (metadata as { name: string }).name).sort();

for (const group of GROUPS) {
  test(`${group} has exactly the CRDs of the table of kinds`, () => {
    assert.deepEqual(names(calicoCrds(group)), crdNames(group));
  });

  test(`${group} types every field of every spec`, () => {
    for (const crd of calicoCrds(group)) {
      const { versions } = crd["spec"] as { versions: { schema: { openAPIV3Schema: JsonObject } }[] };
      for (const { schema } of versions) assertTyped(schema.openAPIV3Schema, names([crd]).join());
    }
  });
}

/** What the API server calls structural, as far as these schemas go. */
function assertTyped(schema: Json | undefined, path: string): void {
  assert.ok(isJsonObject(schema), path);
  assert.ok(typeof schema["type"] === "string" || schema["x-kubernetes-int-or-string"] === true, path);
  if (schema["type"] === "array") assertTyped(schema["items"], `${path}[]`);
  const { properties, additionalProperties } = schema;
  if (additionalProperties !== undefined) assertTyped(additionalProperties, `${path}{}`);
  for (const [name, member] of Object.entries(isJsonObject(properties) ? properties : {})) {
    assertTyped(member, `${path}.${name}`);
  }
}

test("a folder of manifests takes the table's place, group by group", (t) => {
  const folder = temporaryFolder("crds");
  process.env["CALICO_MIGRATOR_TEST_CRDS"] = folder;
  t.after(() => delete process.env["CALICO_MIGRATOR_TEST_CRDS"]);
  const document = (group: string, plural: string) =>
    stringify({
      kind: "CustomResourceDefinition",
      metadata: { name: `${plural}.${group}` },
      spec: { group },
    });
  const tiers = document("crd.projectcalico.org", "tiers");
  writeFileSync(join(folder, "two.yaml"), `${tiers}---\n${document("projectcalico.org", "ippools")}`);
  writeFileSync(
    join(folder, "other.yml"),
    stringify({ kind: "Namespace", metadata: { name: "calico-system" } }),
  );
  assert.deepEqual(names(calicoCrds("crd.projectcalico.org/v1")), ["tiers.crd.projectcalico.org"]);
  assert.deepEqual(names(calicoCrds("projectcalico.org/v3")), ["ippools.projectcalico.org"]);
});
