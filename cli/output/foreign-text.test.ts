import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fakeWorld, runIn } from "../testing/fake-world.ts";

/** Moves the cursor, sets the title of the window, and begins a line of its own. */
const EVIL = "x\u001b[2J\u001b]0;t\u0007\u009b1A\nerror: all is lost";

describe("a name from a cluster", () => {
  for (const words of [
    ["describe"],
    ["describe", "-o", "json"],
    ["describe", "-o", "yaml"],
    ["conflicts"],
    ["conflicts", "-o", "wide"],
    ["conflicts", "-o", "yaml"],
    ["conflicts", "-o", "json"],
    ["resume"],
    ["get", "-o", "wide"],
  ]) {
    test(`reaches the terminal as text only: ${words.join(" ")}`, async (t) => {
      const world = fakeWorld(t, { conflicts: [EVIL] });
      const started = await runIn(world, "start", "fake", "--kubeconfig", world.kubeconfig, "--yes", "-v");

      const { stdout, stderr } = await runIn(world, ...words);

      for (const text of [started.stdout, started.stderr, stdout, stderr]) {
        assert.doesNotMatch(text.replace(/\n/g, ""), /\p{Cc}/u);
        assert.doesNotMatch(text, /^error: all is lost/m);
      }
    });
  }
});
