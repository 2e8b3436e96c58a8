import assert from "node:assert/strict";
import { test } from "node:test";
import { formOf, listIn, objectIn } from "./forms.ts";

const METADATA = ";as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

test("the first clause that can be given as JSON decides", () => {
  assert.equal(
    formOf(`application/vnd.kubernetes.protobuf${METADATA},application/json${METADATA},application/json`),
    "metadata",
  );
  assert.equal(formOf("application/json;as=Table;v=v1;g=meta.k8s.io,application/json"), "table");
  assert.equal(formOf("application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"), "whole");
  assert.equal(formOf("application/json"), "whole");
  assert.equal(formOf("*/*"), "whole");
  assert.equal(formOf(undefined), "whole");
});

const object = { kind: "Tier", metadata: { name: "a", creationTimestamp: "2026-01-01T00:00:00Z" }, spec: {} };
const partial = { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: object.metadata };

test("metadata leaves out everything else, of one object and of a list", () => {
  assert.deepEqual(objectIn("metadata", object), partial);
  const list = listIn("metadata", { kind: "TierList", metadata: { resourceVersion: "5" }, items: [object] });
  assert.deepEqual(list, {
    kind: "PartialObjectMetadataList",
    apiVersion: "meta.k8s.io/v1",
    metadata: { resourceVersion: "5" },
    items: [partial],
  });
});

test("a table has a row for each object", () => {
  const { rows, metadata } = listIn("table", { metadata: { continue: "x" }, items: [object, object] });
  const row = { cells: ["a", "2026-01-01T00:00:00Z"], object: partial };
  assert.deepEqual([rows, metadata], [[row, row], { continue: "x" }]);
});
