import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { aControl, aRun } from "./contract/fixtures.ts";
import type { Resolution, ResolutionRequest, RunControl } from "./records.ts";
import { newResolutions, resolutionOf, withResolutions } from "./resolutions.ts";

const CONFLICT = { key: "Tier/a", kind: "Tier", seen: "x", since: 10 };
const WAITING = aRun({ state: "Waiting", waiting: { reason: "Conflict", message: "" }, retriesSeen: 3 });

function decided(request: ResolutionRequest): Resolution {
  return { ...request, by: "ann", at: 1, retries: 1 };
}

function ask(control: RunControl, requests: readonly ResolutionRequest[], run = aRun()): RunControl {
  return withResolutions(control, run, { requests, by: "ann", at: 7 });
}

describe("a decision", () => {
  const cases: [string, boolean, ResolutionRequest][] = [
    ["about this conflict as it was seen", true, { key: "Tier/a", seen: "x", use: "source" }],
    ["about it as it was before a later edit", false, { key: "Tier/a", seen: "w", use: "source" }],
    ["about another one that looks the same", false, { key: "Tier/b", seen: "x", use: "source" }],
    ["about its kind, up to when it was found", true, { kind: "Tier", seenUpTo: 10, use: "target" }],
    ["about its kind, before it was found", false, { kind: "Tier", seenUpTo: 9, use: "target" }],
    ["about another kind", false, { kind: "IPPool", seenUpTo: 99, use: "target" }],
  ];
  for (const [name, covered, request] of cases) {
    test(`${name} ${covered ? "counts" : "does not count"}`, () => {
      const found = resolutionOf([decided(request)], CONFLICT);

      assert.equal(found?.use, covered ? request.use : undefined);
    });
  }

  test("that was made last counts", () => {
    const all = decided({ kind: "Tier", seenUpTo: 10, use: "skip" });
    const one = decided({ key: "Tier/a", seen: "x", use: "source" });

    assert.equal(resolutionOf([one, all], CONFLICT)?.use, "skip");
    assert.equal(resolutionOf([all, one], CONFLICT)?.use, "source");
    assert.equal(resolutionOf(undefined, CONFLICT), undefined);
  });
});

describe("decisions of a run", () => {
  test("ask it to look again, and keep who decided and when", () => {
    const control = ask(aControl({ retries: 2 }), [{ key: "Tier/a", seen: "x", use: "skip" }]);

    const expected = { key: "Tier/a", seen: "x", use: "skip", by: "ann", at: 7, retries: 3 };
    assert.deepEqual(control, aControl({ retries: 3, resolutions: [expected as Resolution] }));
  });

  test("replace older ones with the same key, and keep others while the run is on its way", () => {
    const older = [
      decided({ key: "Tier/a", seen: "w", use: "skip" }),
      decided({ key: "Tier/b", seen: "w", use: "skip" }),
    ];

    const { resolutions } = ask(
      aControl({ resolutions: older, retries: 4 }),
      [{ key: "Tier/a", seen: "x", use: "source" }],
      WAITING,
    );

    assert.deepEqual(
      resolutions?.map((one) => ("key" in one ? `${one.key} ${one.use}` : "")),
      ["Tier/b skip", "Tier/a source"],
    );
  });

  test("drop older ones once the run waits again, having gone by all of them", () => {
    const older = [decided({ key: "Tier/b", seen: "w", use: "skip" })];
    const control = aControl({ resolutions: older, retries: 3 });

    const { resolutions } = ask(control, [{ key: "Tier/a", seen: "x", use: "source" }], WAITING);

    assert.deepEqual(resolutions?.length, 1);
  });

  test("are new until the run has looked", () => {
    const control = ask(aControl({ retries: 2 }), [{ key: "Tier/a", seen: "x", use: "skip" }]);

    assert.equal(newResolutions(aRun({ retriesSeen: 2 }), control).length, 1);
    assert.equal(newResolutions(aRun({ retriesSeen: 3 }), control).length, 0);
  });

  test("that come to more than a record may hold are refused, and say what to do instead", () => {
    const requests = (count: number) =>
      Array.from({ length: count }, (_, n) => ({
        key: `NetworkPolicy/shop/${n}`,
        seen: "s".repeat(64),
        use: "skip" as const,
      }));

    assert.doesNotThrow(() => ask(aControl(), requests(900)));
    assert.throws(() => ask(aControl(), requests(5_000)), { code: "RESOLUTIONS_TOO_MANY", next: /KIND\/\*/ });
  });

  test("never cover what was not seen, whatever was decided before", () => {
    const request = fc.oneof(
      fc.record({
        key: fc.constantFrom("Tier/a", "Tier/b"),
        seen: fc.constantFrom("v", "w"),
        use: fc.constant("source" as const),
      }),
      fc.record({ kind: fc.constant("Tier"), seenUpTo: fc.nat(9), use: fc.constant("source" as const) }),
    );
    fc.assert(
      fc.property(fc.array(fc.array(request)), (asks) => {
        const control = asks.reduce((sum, requests) => ask(sum, requests), aControl());

        assert.equal(resolutionOf(control.resolutions, CONFLICT), undefined);
        assert.equal(control.retries, asks.length);
      }),
    );
  });
});
