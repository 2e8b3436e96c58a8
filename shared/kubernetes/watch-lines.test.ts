import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { LineReader } from "./watch-lines.ts";

suite("LineReader", () => {
  test("gives the same lines however the bytes are cut, and nothing of what was cut off", () => {
    const line = fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => !text.includes("\n"));
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1 });
    fc.assert(
      fc.property(fc.array(line), line, sizes, (lines, rest, steps) => {
        const seen: string[] = [];
        const reader = new LineReader((text) => seen.push(text) > 0);
        const bytes = Buffer.from(`${lines.map((text) => `${text}\n`).join("")}${rest}`);
        let at = 0;
        for (let n = 0; at < bytes.length; n++) {
          const end = at + (steps[n % steps.length] ?? 1);
          assert(reader.add(bytes.subarray(at, end)));
          at = end;
        }
        assert.deepEqual(seen, lines);
      }),
    );
  });

  test("does not collect a line that never ends; of an API server they do", () => {
    const reader = new LineReader(() => true, 1_000);
    const part = Buffer.alloc(400, "a");
    assert.deepEqual([reader.add(part), reader.add(part), reader.add(part)], [true, true, false]);
    assert.throws(
      () => {
        reader.throwFailure();
      },
      {
        code: "KUBERNETES_ANSWER_TOO_LARGE",
        retryable: false,
        next: "Check that the kubeconfig's server is a Kubernetes API server.",
      },
    );
    const whole = new LineReader(() => true, 1_000);
    for (let n = 0; n < 10; n++) assert.ok(whole.add(part) && whole.add(Buffer.from("\n")));
  });

  test("stops when that was enough, and keeps what was thrown", () => {
    const seen: string[] = [];
    const reader = new LineReader((text) => seen.push(text) < 2);
    assert.equal(reader.add(Buffer.from("a\n\nb\nc\n")), false);
    assert.deepEqual(seen, ["a", "b"]);
    reader.throwFailure();
    const failing = new LineReader(() => {
      throw new Error("no event");
    });
    assert.equal(failing.add(Buffer.from("a\n")), false);
    assert.throws(() => {
      failing.throwFailure();
    }, /no event/);
  });
});
