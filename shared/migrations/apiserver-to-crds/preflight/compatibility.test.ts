import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { AdmissionVersion } from "../../../kubernetes/admission.ts";
import { type Combination, misfits } from "./compatibility.ts";

type Verdict = "fits" | "warn" | "block";

/** Kubernetes, what it serves, Calico, the operator, the versions of DatastoreMigration; the verdict and what says why. */
type Row = readonly [
  string,
  readonly AdmissionVersion[],
  string | undefined,
  string | undefined,
  readonly string[],
  Verdict,
  RegExp?,
];

const none = "no operator";
const MATRIX: readonly Row[] = [
  // Manifests: no operator to suit.
  ["v1.36.1", ["v1"], "v3.32.0", none, [], "fits"],
  ["v1.35.2", ["v1beta1"], "v3.32.1", none, [], "fits"],
  ["v1.36.1", ["v1"], "v3.33.0", none, ["v1"], "fits"],
  ["v1.36.1", ["v1"], "v3.31.7", none, [], "block", /3\.32\.0 is the first/],
  ["v1.36.1", ["v1"], undefined, none, [], "warn", /calico-node cannot be told/],
  ["v1.36.1", ["v1"], "v3.34.0", none, [], "fits"],
  ["v1.36.1", ["v1"], "v3.35.0", none, [], "warn", /newer than what was tried \(3\.34\)/],
  ["v1.37.0", ["v1"], "v3.33.0", none, [], "warn", /Kubernetes v1.37.0 is newer/],
  ["unknown", ["v1"], "v3.33.0", none, [], "warn", /says its version is "unknown"/],
  // Kubernetes that serves no MutatingAdmissionPolicy.
  ["v1.31.4", [], "v3.32.1", none, [], "block", /v1\.31\.4 serves MutatingAdmissionPolicy in no version$/],
  ["v1.33.1", [], "v3.32.1", none, [], "block", /could serve v1alpha1/],
  ["v1.34.0", [], "v3.32.1", none, [], "block", /could serve v1beta1/],
  ["v1.36.1", [], "v3.32.1", none, [], "block", /could serve v1$/],
  ["unknown", [], "v3.32.1", none, [], "block", /in no version$/],
  // The operator's floors, in each admission version.
  ["v1.35.0", ["v1beta1"], "v3.32.0", "v1.41.1", [], "block", /1\.42\.0 is the first/],
  ["v1.35.0", ["v1beta1"], "v3.32.0", "v1.42.0", [], "fits"],
  ["v1.36.1", ["v1"], "v3.32.0", "v1.42.0", [], "block", /Degraded/],
  ["v1.36.1", ["v1"], "v3.32.0", "v1.42.1", [], "block", /Degraded/],
  ["v1.36.1", ["v1", "v1beta1"], "v3.32.0", "v1.42.1", [], "fits"],
  ["v1.33.0", ["v1alpha1"], "v3.32.0", "v1.42.1", [], "block", /Degraded/],
  ["v1.36.1", ["v1"], "v3.32.0", "v1.42.2", [], "fits"],
  ["v1.33.0", ["v1alpha1"], "v3.32.1", "v1.42.3", [], "fits"],
  ["v1.36.1", ["v1"], "v3.33.0", "v1.44.0", [], "fits"],
  ["v1.36.1", ["v1"], "v3.33.0", undefined, [], "warn", /operator's version cannot be told/],
  ["v1.36.1", [], "v3.32.0", "v1.42.0", [], "block", /in no version/],
  // The version in which the operator reads DatastoreMigration.
  ["v1.36.1", ["v1"], "v3.32.1", "v1.43.0", ["v1"], "block", /would not see the migration/],
  ["v1.36.1", ["v1"], "v3.32.1", "v1.43.0", ["v1", "v1beta1"], "fits"],
  ["v1.36.1", ["v1"], "v3.33.0", "v1.44.0", ["v1"], "fits"],
  ["v1.36.1", ["v1"], "v3.33.0", "v1.44.0", ["v1beta1"], "fits"],
];

function combination([kubernetes, admission, calico, operator, migration]: Row): Combination {
  const base = { kubernetes, calico, admission, migration };
  return operator === none ? base : { ...base, operator: { version: operator } };
}

describe("the compatibility matrix", () => {
  for (const row of MATRIX) {
    const [kubernetes, admission, calico, operator, migration, verdict, why] = row;
    const served = `[${admission.join(" ")}]`;
    const title = `Kubernetes ${kubernetes} ${served}, Calico ${calico ?? "?"}, ${operator ?? "operator ?"}, migration [${migration.join(" ")}]: ${verdict}`;

    test(title, () => {
      const found = misfits(combination(row));

      const levels = found.map(({ level }) => level);
      const worst = levels.includes("block") ? "block" : (levels[0] ?? "fits");
      assert.equal(worst, verdict);
      if (why !== undefined) assert.ok(found.some(({ message }) => why.test(message)));
      for (const { next } of found) assert.match(next, /\.$/);
    });
  }

  test("names everything that does not fit", () => {
    const found = misfits(combination(["v1.33.1", [], "v3.31.0", "v1.41.0", [], "block"]));

    assert.equal(found.length, 3);
  });
});
