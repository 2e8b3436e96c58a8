import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KINDS } from "../kinds.ts";
import { shownPolicyName, storedPolicyName } from "./policy-names.ts";
import { hasKind, KIND_SINCE, NEWEST_RULES, RULE_CHANGES, rulesOf, unknownVersion } from "./rules.ts";
import { compareVersions, parseVersion } from "./version.ts";

const version = (text: string) => parseVersion(text) ?? assert.fail(text);

describe("rules by version", () => {
  test("are in the order of versions, each with its source", () => {
    const versions = RULE_CHANGES.map((change) => change.since);
    assert.deepEqual(versions, [...versions].sort(compareVersions));
    for (const { source } of RULE_CHANGES) assert.notEqual(source, "");
  });

  test("are those of each generation", () => {
    const rows = [
      "3.15.0",
      "3.22.5",
      "3.27.5",
      "3.28.0",
      "3.29.0",
      "3.29.7",
      "3.30.0",
      "3.31.7",
      "3.32.0",
      "3.34.0",
    ];
    const seen = rows.map((text) => {
      const { policyNames, namedKinds, labels, tiers, writesTier, affinityLabels, poolDefaults } = rulesOf(
        version(text),
      );
      const adds = Object.keys(poolDefaults).join();
      return [text, policyNames, namedKinds.length, labels, tiers, writesTier, affinityLabels, adds].join(
        " ",
      );
    });
    assert.deepEqual(seen, [
      "3.15.0 default 0 object false false false ",
      "3.22.5 default 0 object false false false allowedUses",
      "3.27.5 default 0 object false false false allowedUses",
      "3.28.0 default 0 annotation false false false allowedUses",
      "3.29.0 tier 0 annotation true true false allowedUses",
      "3.29.7 tier 2 annotation true true false allowedUses",
      "3.30.0 tier 4 annotation true true false allowedUses,assignmentMode",
      "3.31.7 tier 4 annotation true true true allowedUses,assignmentMode",
      "3.32.0 given 4 annotation true false true allowedUses,assignmentMode",
      "3.34.0 given 4 annotation true false true allowedUses,assignmentMode",
    ]);
  });

  test("of versions beyond are those of the nearest known, and that is said", () => {
    assert.deepEqual(rulesOf(version("3.99.0")), NEWEST_RULES);
    assert.deepEqual(rulesOf(version("3.1.0")), rulesOf(version("3.15.0")));
    assert.match(unknownVersion(version("3.99.0")) ?? "", /v3\.99\.0 is newer than v3\.34/);
    assert.match(unknownVersion(version("3.14.2")) ?? "", /v3\.14\.2 is older than v3\.15/);
    assert.equal(unknownVersion(version("3.34.9")), undefined);
  });

  test("name kinds of the table only", () => {
    const kinds = KINDS.map(({ kind }) => kind);
    for (const kind of Object.keys(KIND_SINCE)) assert.ok(kinds.includes(kind), kind);
    const lacks = (text: string) => kinds.filter((kind) => !hasKind(version(text), kind));
    assert.equal(lacks("3.20.6").length, 7);
    assert.deepEqual(lacks("3.24.6"), [
      "Tier",
      "BGPFilter",
      "StagedGlobalNetworkPolicy",
      "StagedNetworkPolicy",
      "StagedKubernetesNetworkPolicy",
    ]);
    assert.deepEqual(lacks("3.30.0"), []);
  });
});

describe("names of policies", () => {
  const NAMES: readonly (readonly [
    version: string,
    name: string,
    tier: string,
    stored: string,
    shown: string,
  ])[] = [
    ["3.28", "deny-db", "default", "default.deny-db", "deny-db"],
    ["3.28", "a.b", "default", "default.a.b", "a.b"],
    ["3.28", "default.a", "default", "default.default.a", "default.a"],
    ["3.28", "knp.default.a", "default", "knp.default.a", "knp.default.a"],
    ["3.28", "ossg.default.a", "default", "ossg.default.a", "ossg.default.a"],
    ["3.31", "deny-db", "default", "default.deny-db", "deny-db"],
    ["3.31", "security.block", "security", "security.block", "security.block"],
    // As 3.32 and later name it, who no longer ask for the tier.
    ["3.31", "block", "security", "security.block", "security.block"],
    // What 3.28 could name, but the client of 3.31 looks for under its first part.
    ["3.31", "a.b", "default", "default.a.b", "default.a.b"],
    ["3.32", "deny-db", "default", "deny-db", "deny-db"],
    ["3.32", "a.b", "default", "a.b", "a.b"],
  ];
  for (const [text, name, tier, stored, shown] of NAMES) {
    test(`${text} stores ${name} of the tier ${tier} as ${stored}`, () => {
      const rules = rulesOf(version(text));
      assert.equal(storedPolicyName(rules, name, tier), stored);
      assert.equal(shownPolicyName(rules, name, stored), shown);
    });
  }
});
