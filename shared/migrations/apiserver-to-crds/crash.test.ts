import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { apiserverToCrds } from "./index.ts";
import { difference, play, type Scenario } from "./testing/lives.ts";
import { wholeWorldWithoutSecondVersion } from "./testing/whole.ts";

/** Every boundary takes a quarter of an hour: by default every so many-th is tried, and the chains pass over all of them. */
const ALL = process.env["CALICO_MIGRATOR_CRASH"] === "all";

const NAMES = apiserverToCrds.stages.map(({ name }) => name);
/** Those before which a run is undone, killed again and again on its way. */
const UNDONE = ALL
  ? NAMES.slice(1, NAMES.indexOf("cleanup") + 1)
  : ["pre-copy", "lock", "copy-locked", "verify-changes", "unlock", "cleanup"];

interface Case {
  name: string;
  scenario: Scenario;
  end: string;
  /** Every so many-th boundary is tried by itself. */
  stride: number;
  /** Lives of about this many writes, one after the other. */
  spans: readonly number[];
}

const SPANS = ALL ? [7, 16, 41] : [19];
const CASES: readonly Case[] = [
  { name: "a migration", scenario: {}, end: "Succeeded", stride: 97, spans: SPANS },
  {
    name: "a migration without the second version",
    scenario: { world: wholeWorldWithoutSecondVersion },
    end: "Succeeded",
    stride: 229,
    spans: SPANS,
  },
  ...UNDONE.map((undoBefore) => ({
    name: `a migration that is undone right before ${undoBefore}`,
    scenario: { undoBefore },
    end: "RolledBack",
    stride: 997,
    spans: SPANS,
  })),
];

for (const { name, scenario, end, stride, spans } of CASES) {
  describe(`${name}, killed`, () => {
    let straight: Awaited<ReturnType<typeof play>>;
    before(async () => {
      straight = await play(scenario, []);
      assert.equal(straight.state, end, straight.trouble);
      if (end === "RolledBack") assert.deepEqual(straight.changed, []);
    });

    test("after some write ends as if it had not been", async () => {
      const writes = straight.writes[0]?.length ?? 0;
      const step = ALL ? 1 : stride;
      for (let write = Math.ceil(Math.min(step, writes) / 2); write <= writes; write += step) {
        assert.deepEqual(
          difference(straight, await play(scenario, [write])),
          [],
          `killed after write ${write} of ${writes}`,
        );
      }
    });

    test("again and again ends as if it had not been", async () => {
      for (const span of spans) {
        assert.deepEqual(
          difference(straight, await play(scenario, short(span))),
          [],
          `killed every ${span} writes`,
        );
      }
    });
  });
}

/** Lives of about this many writes; they grow slowly, as some step may need more. */
function* short(span: number): Generator<number, void> {
  for (let lives = 0; ; lives++) yield span + Math.floor(lives / 20);
}
