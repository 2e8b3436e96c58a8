import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { JsonObject } from "../json.ts";
import { isNarrowedByDefaults, policyTypes } from "./policy-types.ts";

const RULES = { ingress: [{ action: "Allow" }], egress: [{ action: "Deny" }] };
const BOTH = ["Ingress", "Egress"];

const CASES: readonly (readonly [
  what: string,
  spec: JsonObject,
  enforced: readonly string[],
  staged: readonly string[],
])[] = [
  ["nothing", {}, BOTH, ["Ingress"]],
  ["rules for ingress", { ingress: RULES.ingress, types: [] }, BOTH, ["Ingress"]],
  ["rules for egress", { egress: RULES.egress, types: null }, BOTH, ["Egress"]],
  ["rules for both", RULES, BOTH, BOTH],
  ["types of its own", { ...RULES, types: ["Egress"] }, ["Egress"], ["Egress"]],
  ["rules before DNAT", { ingress: RULES.ingress, preDNAT: true }, ["Ingress"], ["Ingress"]],
];

for (const [kinds, column] of [
  [["GlobalNetworkPolicy", "NetworkPolicy"], 2],
  [["StagedGlobalNetworkPolicy", "StagedNetworkPolicy"], 3],
] as const) {
  for (const kind of kinds) {
    describe(`a ${kind}`, () => {
      for (const one of CASES) {
        test(`with ${one[0]} has the types ${one[column].join(" and ")}`, () => {
          assert.deepEqual(policyTypes(kind, one[1]), one[column]);
        });
      }
    });
  }
}

test("only a policy that is enforced both ways and says nothing of it would be narrowed by Calico's defaults", () => {
  const narrowed = CASES.filter(([, spec]) => isNarrowedByDefaults("NetworkPolicy", spec)).map(
    ([what]) => what,
  );
  assert.deepEqual(narrowed, ["nothing", "rules for ingress", "rules for egress"]);
  assert.deepEqual(
    CASES.filter(([, spec]) => isNarrowedByDefaults("StagedNetworkPolicy", spec)),
    [],
  );
});
