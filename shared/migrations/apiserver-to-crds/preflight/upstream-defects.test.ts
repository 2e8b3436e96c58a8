import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { upstreamDefects } from "./upstream-defects.ts";

describe("the defects of upstream's controller", () => {
  for (const [version, numbers] of [
    ["v3.32.0", [13449, 13422, 13421, 13426]],
    ["v3.32.1", [13449, 13422, 13421, 13426]],
    ["v3.32.2", [13422, 13421, 13426]],
    ["v3.33.0", []],
    ["v3.34.1", []],
    [undefined, []],
  ] as const) {
    test(`${version ?? "of an unknown release"}: ${numbers.join(", ") || "none known"}`, () => {
      const found = upstreamDefects(version).map((message) => Number(/#(\d+)/.exec(message)?.[1]));

      assert.deepEqual(found, numbers);
    });
  }
});
