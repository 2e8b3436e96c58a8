import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { describe, test } from "node:test";
import { PassingContent } from "./content.ts";

describe("content on its way", () => {
  for (const size of [0, 1, 262_143, 262_144, 262_145, 1_000_000]) {
    for (const start of [0, 300_000]) {
      test(`is whole after ${size} bytes, ${start} of them ahead`, async () => {
        const whole = randomBytes(size);
        const content = new PassingContent([
          whole.subarray(0, 10),
          whole.subarray(10, 10),
          whole.subarray(10),
        ]);

        const { head, ended } = await content.start(start);
        const rest = await Array.fromAsync(content.rest());

        assert.ok(Buffer.concat([...head, ...rest]).equals(whole));
        assert.equal(content.bytes, size);
        assert.equal(content.digest(), createHash("sha256").update(whole).digest("hex"));
        assert.equal(ended, size <= start);
      });
    }
  }

  test("may come in a buffer that is used again", async () => {
    const buffer = Buffer.alloc(200_000);
    function* pieces() {
      for (let i = 0; i < 4; i += 1) yield buffer.fill(i);
    }

    const { head } = await new PassingContent(pieces()).start(10_000_000);

    const expected = Array.from({ length: 4 }, (_, i) => Buffer.alloc(200_000, i));
    assert.ok(Buffer.concat(head).equals(Buffer.concat(expected)));
  });

  test("that is not taken to its end lets its source end", async () => {
    let ended = false;
    function* pieces() {
      try {
        for (;;) yield Buffer.alloc(300_000);
      } finally {
        ended = true;
      }
    }
    const content = new PassingContent(pieces());
    await content.start(1);

    await content.close();

    assert.ok(ended);
    assert.equal(content.failure, undefined);
  });

  test("says that it was the source that failed", async () => {
    const defect = new Error("the source broke");
    const content = new PassingContent(
      (function* () {
        yield Buffer.alloc(1);
        throw defect;
      })(),
    );

    await assert.rejects(content.start(10), defect);

    assert.equal(content.failure?.error, defect);
  });
});
