import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { Redactor } from "./redactor.ts";

describe("a redactor", () => {
  it("takes out what it has learnt, also inside of JSON and of longer values", () => {
    const redactor = new Redactor();
    redactor.learn(["token-1", "line one\nline two", "token-1-and-more"], "prod");
    assert.equal(redactor.redact("a token-1 and token-1-and-more"), "a [redacted] and [redacted]");
    assert.equal(redactor.redact(JSON.stringify({ key: "line one\nline two" })), '{"key":"[redacted]"}');
    assert.equal(redactor.redact("nothing here"), "nothing here");
  });

  it("leaves values alone that are too short to tell from other words", () => {
    const redactor = new Redactor();
    redactor.learn(["", "a", "admin"], "prod");
    assert.equal(redactor.redact("an admin"), "an admin");
  });

  it("takes out values that overlap as one", () => {
    const redactor = new Redactor();
    redactor.learn(["abcdefgh", "efghijklmnop"], "prod");
    assert.equal(redactor.redact("<abcdefghijklmnop>"), "<[redacted]>");
    assert.equal(redactor.redact("abcdefghabcdefgh"), "[redacted][redacted]");
  });

  it("no longer knows what only a forgotten owner had", () => {
    const redactor = new Redactor();
    redactor.learn(["token-1", "shared-token"], "prod");
    redactor.learn(["token-1", "token-2", "shared-token"], "test");
    // Twice: what is read again is still of one owner.
    redactor.learn(["token-2"], "test");
    redactor.forget("test");
    redactor.forget("nobody");
    assert.equal(redactor.redact("token-1 token-2 shared-token"), "[redacted] token-2 [redacted]");
    redactor.forget("prod");
    assert.equal(redactor.redact("token-1 token-2 shared-token"), "token-1 token-2 shared-token");
  });

  it("lets no learnt value through, whatever stands around it", () => {
    const secret = fc.string({ minLength: 6 }).filter((text) => !"[redacted]".includes(text));
    fc.assert(
      fc.property(
        fc.array(secret, { minLength: 1, maxLength: 4 }),
        fc.string(),
        fc.string(),
        (secrets, before, after) => {
          const redactor = new Redactor();
          redactor.learn(secrets, "prod");
          const [first = ""] = secrets;
          const text = redactor.redact(`${before}${first}${after}`);
          const left = text.replaceAll("[redacted]", "\u0000");
          assert(!left.includes(first), text);
        },
      ),
    );
  });
});
