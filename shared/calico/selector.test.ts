import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { selectorFault } from "./selector.ts";
import { selectorFaults } from "./selectors.ts";
import { rulesOf } from "./versions/rules.ts";
import { parseVersion } from "./versions/version.ts";

const LONGEST = "k".repeat(512);

/** What every version of Calico's parser accepts. (libcalico-go/lib/selector, v3.24.6 and v3.31.7) */
const ACCEPTED = [
  "",
  " \t ",
  "all()",
  "all( )",
  "global()",
  "has(role)",
  "has( projectcalico.org/name )",
  "!has(role)",
  "! ! has(role)",
  "a == 'b'",
  `a == "b"`,
  `a=="it's"`,
  "a == ''",
  "a != 'b'",
  "a contains 'b'",
  "a contains'b'",
  "a starts with 'b'",
  "a startswith 'b'",
  "a ends with 'b'",
  "a in {'b'}",
  "a in{'b','c'}",
  "a in {'b',}",
  "a in {}",
  "a not in {'b', \"c\"}",
  "a notin {'b'}",
  "a == 'b' && c == 'd' || !has(e)",
  "(a == 'b')",
  "((has(a) || has(b)) && !(all()))",
  "has(a)&&has(b)",
  "in in {'x'}",
  "all == 'x'",
  "has == 'x'",
  "contains contains 'x'",
  "1/2.-_ == 'x'",
  "a == 'line\nbreak'",
  `has(${LONGEST})`,
  `${LONGEST} == 'x'`,
];

/** What none accepts, and where it is wrong. */
const REFUSED: [selector: string, fault: RegExp][] = [
  ["a ===== b", /character 5, where Calico expects a string/],
  ["a = 'b'", /character 3, where Calico expects an operator/],
  ["a == b", /character 6, .* a string in quotes/],
  ["a == 'b", /character 6, .* a string/],
  ["a", /character 2, .* an operator/],
  ["a b", /an operator/],
  ["a'b'", /an operator/],
  ["a == 'b' c", /character 10, .* or the end/],
  ["a == 'b' & c == 'd'", /"&&"/],
  ["a == 'b' &&", /character 12, .* a condition/],
  ["&& a == 'b'", /character 1, .* a condition/],
  ["(a == 'b'", /"\)"/],
  ["a == 'b')", /or the end/],
  ["()", /character 2, .* a condition/],
  ["!", /a condition/],
  ["has()", /character 4, .* an operator/],
  ["has (a)", /character 5, .* an operator/],
  ["has('a')", /an operator/],
  ["all", /an operator/],
  ["all(a)", /an operator/],
  ["a in 'b'", /a set/],
  ["a in {b}", /"}"/],
  ["a in {,}", /"}"/],
  ["a in {'b' 'c'}", /"}"/],
  ["a inside {'b'}", /a set/],
  ["a not 'b'", /an operator/],
  ["a starts 'b'", /an operator/],
  ["'a' == 'b'", /a condition/],
  ["a == 'b'\n", /or the end/],
  ["ä == 'b'", /a condition/],
  [`has(${LONGEST}k)`, /an operator/],
  [`${LONGEST}k == 'x'`, /character 513, .* an operator/],
];

/** Until 3.29 some words were matched by expressions that take any white space. */
const OLD_ONLY = ["has(\na)", "all(\n)", "a not\nin {'b'}", "a starts\r\nwith 'b'"];

const readingOf = (text: string) => rulesOf(parseVersion(text) ?? assert.fail(text)).selectors;

describe("a selector", () => {
  for (const version of ["3.15.5", "3.24.6", "3.29.7", "3.30.7", "3.31.7", "3.34.0"]) {
    const reading = readingOf(version);
    test(`is what Calico ${version} accepts`, () => {
      for (const selector of ACCEPTED) assert.equal(selectorFault(selector, reading), undefined, selector);
    });

    test(`is not what Calico ${version} refuses, and the place is told`, () => {
      for (const [selector, fault] of REFUSED)
        assert.match(selectorFault(selector, reading) ?? "", fault, selector);
    });
  }

  test("may have line breaks inside of words in Calico 3.29 and before", () => {
    for (const selector of OLD_ONLY) {
      assert.equal(selectorFault(selector, readingOf("3.29.7")), undefined, selector);
      assert.notEqual(selectorFault(selector, readingOf("3.30.0")), undefined, selector);
    }
  });

  test("may be nested as deep as somebody likes", () => {
    const deep = 200_000;
    const selector = `${"(".repeat(deep)}all()${")".repeat(deep)}`;
    assert.equal(selectorFault(selector, "line"), undefined);
    assert.match(selectorFault(selector.slice(0, -1), "line") ?? "", /"\)"/);
  });
});

describe("the selectors of a resource", () => {
  test("are named where they cannot be read, wherever they are, without their content", () => {
    const secret = "s3cret ===== b";
    const spec = {
      selector: secret,
      ingress: [
        {
          action: "Allow",
          source: { selector: "all()", notSelector: secret, serviceAccounts: { selector: "(" } },
        },
      ],
      // Kubernetes' own selectors are objects.
      podSelector: { matchLabels: { a: "===" } },
      namespaceSelector: { matchLabels: { selector: "all()" } },
    };
    const faults = selectorFaults(spec, "line");
    assert.deepEqual(
      faults.map((fault) => fault.split(" ")[0]),
      [
        "spec.selector",
        "spec.ingress[0].source.notSelector",
        "spec.ingress[0].source.serviceAccounts.selector",
      ],
    );
    assert.ok(!faults.join().includes("s3cret"));
  });
});
