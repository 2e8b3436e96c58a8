import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encodeWork } from "../../events/work.ts";
import type { DeadLetter, DeadLetterOutcome } from "../../shared/engine/dead-letter.ts";
import { bodyOf, contextWith } from "../testing/events.ts";
import { SeenObservers } from "../testing/observers.ts";
import { deadLetterHandler, type DeadMessage } from "./handler.ts";

class Look {
  readonly observers = new SeenObservers();
  readonly letters: DeadLetter[] = [];
  readonly seen = new Set<string>();
  messages: DeadMessage[] = [];
  outcome: () => DeadLetterOutcome = () => "told";

  put(body: string, id = "m-1"): void {
    this.messages.push({ queue: "runs", messageId: id, key: `${id}/0`, body, receives: 5 });
  }

  async now(): Promise<void> {
    const { messages, seen, letters } = this;
    const queues = {
      messages: async function* () {
        await Promise.resolve();
        yield* messages;
      },
    };
    const remembered = {
      has: (key: string) => Promise.resolve(seen.has(key)),
      remember: (key: string) => {
        seen.add(key);
        return Promise.resolve();
      },
    };
    const record = (letter: DeadLetter): Promise<DeadLetterOutcome> => {
      letters.push(letter);
      return Promise.resolve().then(this.outcome);
    };
    await deadLetterHandler({ queues, seen: remembered, record, ...this.observers.parts() })(
      undefined,
      contextWith(),
    );
  }
}

const about = { queue: "runs", messageId: "m-1", receives: 5, runId: "run-1" };

describe("a look through the dead-letter queues", () => {
  test("records what work was given up, once", async () => {
    const look = new Look();
    look.put(encodeWork({ type: "run.advance", runId: "run-1" }, 3));

    await look.now();
    await look.now();

    assert.deepEqual(look.letters, [{ ...about, work: { type: "run.advance", runId: "run-1" } }]);
    assert.equal(look.observers.counted.DeadLetters, 1);
    const [line] = look.observers.lines;
    assert.deepEqual([line?.facts["run"], line?.facts["messageId"]], ["run-1", "m-1"]);
  });

  test("looks again at what could not be recorded", async () => {
    const look = new Look();
    look.put(encodeWork({ type: "run.advance", runId: "run-1" }, 0));
    look.put(encodeWork({ type: "run.advance", runId: "run-2" }, 0), "m-2");
    look.outcome = () => {
      if (look.letters.length === 1) throw new Error("the table is away");
      return "busy";
    };
    await look.now();
    assert.equal(look.letters.length, 2);
    assert.equal(look.observers.counted.DeadLetters, undefined);

    look.outcome = () => "abandoned";
    await look.now();
    assert.equal(look.observers.counted.DeadLetters, 2);
  });

  test("finds the run in messages that do not parse, and in commands", async () => {
    const look = new Look();
    look.put('{"version":7,"type":"run.advance","runId":"run-1"');
    look.put(bodyOf({ type: "ResumeRun", data: { runId: "run-1", by: "ann" } }), "m-1");
    look.messages = look.messages.map((message, index) => ({ ...message, key: String(index) }));

    await look.now();

    assert.deepEqual(look.letters, [about, about]);
  });

  test("tells of messages that name no run without their content", async () => {
    const look = new Look();
    look.put("password=hunter2hunter2");
    look.put(bodyOf({ type: "RollbackRequested", data: { cluster: "east", by: "alarm" } }), "m-2");

    await look.now();

    assert.deepEqual(look.letters, []);
    assert.equal(look.observers.counted.DeadLetters, 2);
    assert.doesNotMatch(JSON.stringify(look.observers.lines), /hunter2/);
  });
});
