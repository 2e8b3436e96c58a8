import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, test } from "node:test";
import { paintFor } from "./paint.ts";
import { guarded, oneLine, unguarded, visible } from "./escape.ts";

describe("what others have written", () => {
  test("cannot move the cursor, set a title, ring, colour, or turn text around", () => {
    assert.equal(visible("a\u001b[2Jb"), "a\\u001b[2Jb");
    assert.equal(visible("\u001b]0;title\u0007"), "\\u001b]0;title\\u0007");
    assert.equal(visible("\u009b31m\u0085\u007f\r"), "\\u009b31m\\u0085\\u007f\\u000d");
    assert.equal(visible("\u001b[8mhidden\u001b[0m"), "\\u001b[8mhidden\\u001b[0m");
    assert.equal(visible("\u0000[31m"), "\\u0000[31m");
    assert.equal(visible("\u202eevil\u2066"), "\\u202eevil\\u2066");
  });

  test("stays as it is where it is text", () => {
    const text = "Grüße\t\n✔ 日本 [31m \\u001b";
    assert.equal(visible(text), text);
  });

  test("keeps to its line", () => {
    assert.equal(oneLine("a\nerror: b\tc"), "a\\nerror: b\\tc");
  });
});

describe("a guarded stream", () => {
  test("lets our own colours through, and nothing else", () => {
    const stream = Object.assign(new PassThrough({ encoding: "utf8" }), { isTTY: true });
    const guard = guarded(stream);
    const paint = paintFor({ env: {} }, guard, true);

    for (const meaning of ["good", "bad", "attention", "faint", "strong"] as const)
      guard.write(paint(meaning, "x"));
    guard.write("\u001b[1A");

    const painted = ["32", "31", "33", "2", "1"].map(
      (code, n) => `\u001b[${code}mx\u001b[${n < 3 ? 39 : 22}m`,
    );
    assert.equal(stream.read(), `${painted.join("")}\\u001b[1A`);
    assert.equal(guard.isTTY, true);
    assert.equal(unguarded(guard), stream);
    assert.equal(unguarded(stream), stream);
  });
});
