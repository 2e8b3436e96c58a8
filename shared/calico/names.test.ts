import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseCidr } from "./cidr.ts";
import {
  affinityName,
  cidrName,
  handleName,
  isLabelValue,
  isQualifiedName,
  nameProblem,
  namespaceProblem,
  policyName,
} from "./names.ts";

describe("policyName", () => {
  const cases: readonly (readonly [stored: string, tier: string | undefined, name: string])[] = [
    ["default.legacy", undefined, "legacy"],
    ["default.legacy", "", "legacy"],
    ["default.legacy", "default", "legacy"],
    ["legacy", "default", "legacy"],
    ["default.default.twice", "default", "default.twice"],
    ["secure.web", "secure", "secure.web"],
    ["default.web", "secure", "default.web"],
    ["defaults.web", "default", "defaults.web"],
  ];
  for (const [stored, tier, name] of cases) {
    test(`${stored} of tier ${tier ?? "(none)"} is ${name}`, () => {
      assert.equal(policyName(stored, tier), name);
    });
  }
});

describe("object names of IPAM", () => {
  test("a CIDR as a name", () => {
    assert.equal(cidrName("10.64.0.0/26"), "10-64-0-0-26");
    assert.equal(cidrName("fd00:2::/122"), "fd00-2---122");
  });

  test("an affinity of a long host name is cut and ends in a hash of host and block", () => {
    const host = "h".repeat(300);
    assert.equal(affinityName(host, "10.64.0.0/26"), `${"h".repeat(252 - 12 - 13)}-10-64-0-0-26-e2faede7c53`);
  });

  test("an affinity name is cut from 253 characters on", () => {
    const block = "-10-64-0-0-26";
    assert.equal(affinityName("h".repeat(252 - block.length), "10.64.0.0/26").endsWith(block), true);
    assert.equal(affinityName("h".repeat(253 - block.length), "10.64.0.0/26").endsWith(block), false);
  });

  test("affinity names of valid hosts are valid, and differ when the blocks do", () => {
    const host = fc.stringMatching(/^[a-z0-9]{1,250}$/);
    const length = fc.constantFrom(26, 28, 32);
    fc.assert(
      fc.property(host, fc.ipV4(), fc.ipV4(), length, (name, one, other, bits) => {
        const first = parseCidr(`${one}/${bits}`)?.text ?? "";
        const second = parseCidr(`${other}/${bits}`)?.text ?? "";
        assert.equal(nameProblem(affinityName(name, first)), undefined);
        assert.equal(affinityName(name, first) === affinityName(name, second), first === second);
      }),
    );
  });

  test("handles are lower case", () => {
    assert.equal(handleName("K8s-Pod.AB"), "k8s-pod.ab");
  });
});

describe("nameProblem", () => {
  for (const name of ["a", "0", "a-b.c-d", "node.rack1-a", "a".repeat(253)]) {
    test(`accepts ${name.slice(0, 20)}`, () => {
      assert.equal(nameProblem(name), undefined);
    });
  }
  const refused: readonly (readonly [name: string, problem: RegExp])[] = [
    ["", /empty/],
    ["Node-1", /upper-case/],
    ["a_b", /lower-case letters, digits/],
    ["-a", /beginning and ending/],
    ["a.", /beginning and ending/],
    ["a..b", /every part/],
    ["a/b", /lower-case letters, digits/],
    ["a".repeat(254), /254 characters/],
  ];
  for (const [name, problem] of refused) {
    test(`refuses ${name.slice(0, 20)}`, () => {
      assert.match(nameProblem(name) ?? "", problem);
    });
  }
});

test("namespaces are labels", () => {
  assert.equal(namespaceProblem("kube-system"), undefined);
  assert.match(namespaceProblem("a.b") ?? "", /letters, digits and '-'/);
  assert.match(namespaceProblem("a".repeat(64)) ?? "", /64 characters/);
});

test("keys and values of labels", () => {
  assert.ok(["app", "example.com/App_1.x", "a".repeat(63)].every(isQualifiedName));
  assert.ok(!["", "/a", "a/", "a/b/c", "-a", "a b", "_x/a", "a".repeat(64)].some(isQualifiedName));
  assert.ok(["", "v1.2_3-x", "V"].every(isLabelValue));
  assert.ok(!["-", "a b", "ä", "a".repeat(64)].some(isLabelValue));
});
