import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MigratorError } from "../shared/errors.ts";
import type { JsonObject } from "../shared/json.ts";
import { type Command, encodeCommand, parseCommand, parseDelivery } from "./commands.ts";
import { deliveryOf, readExamples } from "./testing/examples.ts";
import { encodeWork } from "./work.ts";

const META = { id: "1", time: "2027-01-12T09:30:00.000Z", source: "tests" };
const PAUSE: Command = { type: "PauseRun", data: { runId: "r1", by: "ada" } };
const START: Command = {
  type: "StartRun",
  data: { runId: "r1", migration: "m", cluster: "c", options: {}, approvals: [], by: "ada" },
};

function refusalOf(read: () => unknown): MigratorError {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof MigratorError, String(error));
    return error;
  }
  return assert.fail("accepted");
}

describe("a command", () => {
  test("is an entry for the bus, about its run or cluster", () => {
    const entry = encodeCommand(PAUSE, META);
    const undo = encodeCommand({ type: "RollbackRequested", data: { cluster: "c1", by: "ada" } }, META);

    assert.deepEqual(
      { ...entry, Detail: JSON.parse(entry.Detail) as unknown },
      {
        Source: "tests",
        DetailType: "PauseRun",
        Detail: {
          specversion: "1.0",
          ...META,
          type: "calico-migrator.PauseRun.v1",
          subject: "r1",
          datacontenttype: "application/json",
          data: { runId: "r1", by: "ada" },
        },
      },
    );
    assert.equal((JSON.parse(undo.Detail) as JsonObject)["subject"], "c1");
  });

  test("gets what its sender left out", () => {
    const { options, approvals, ...rest } = START.data;
    assert.deepEqual([options, approvals], [{}, []]);

    assert.deepEqual(parseCommand("StartRun", detailOf(START, rest)), START);
  });

  test("may have options that are absent, as those of a run may", () => {
    const absent: Command = { ...START, data: { ...START.data, options: { a: undefined, b: 1 } } };

    const { Detail } = encodeCommand(absent, META);

    const sent = parseCommand("StartRun", JSON.parse(Detail));
    assert.deepEqual(sent, { ...START, data: { ...START.data, options: { b: 1 } } });
  });

  test("with a field that it does not have is refused: it may be misspelt", () => {
    assert.throws(() => parseCommand("StartRun", detailOf(START, { ...START.data, stopbefore: "lock" })), {
      code: "MESSAGE_INVALID",
      message: /^StartRun: data: .*"stopbefore"/,
    });
  });

  test("with attributes of the event that we do not know is read", () => {
    const traced = {
      ...detailOf(PAUSE),
      traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    };

    assert.deepEqual(parseCommand("PauseRun", traced), PAUSE);
  });

  test("of another version is refused, with the one that is understood, which is taken", () => {
    const next = { ...detailOf(PAUSE), type: "calico-migrator.PauseRun.v2" };

    assert.throws(() => parseCommand("PauseRun", next), {
      code: "MESSAGE_VERSION_UNKNOWN",
      message: /calico-migrator\.PauseRun\.v1/,
      next: /^Send the version named, or deploy the version of calico-migrator that the sender belongs to/,
      retryable: false,
    });
    assert.deepEqual(parseCommand("PauseRun", { ...next, type: "calico-migrator.PauseRun.v1" }), PAUSE);
  });

  test("in the event of another command is refused", () => {
    assert.throws(() => parseCommand("ResumeRun", detailOf(PAUSE)), {
      code: "MESSAGE_INVALID",
      message: /type: .*calico-migrator\.ResumeRun\.v1/,
    });
  });

  test("that there is not is refused, with those that there are, which are known", () => {
    for (const name of ["StopRun", "constructor", "__proto__", ""]) {
      assert.throws(() => parseCommand(name, detailOf(PAUSE)), {
        code: "COMMAND_UNKNOWN",
        next: /StartRun, .*RollbackRequested/,
      });
    }
    const { next } = refusalOf(() => parseCommand("StopRun", detailOf(PAUSE)));
    for (const name of next.slice("Send one of: ".length, -1).split(", "))
      assert.notEqual(refusalOf(() => parseCommand(name, {})).code, "COMMAND_UNKNOWN", name);
    assert.deepEqual(parseCommand("PauseRun", detailOf(PAUSE)), PAUSE);
  });

  test("undoes a run or the run of a cluster, not both and not none", () => {
    for (const which of [{}, { runId: "r1", cluster: "c1" }]) {
      const undo: Command = { type: "RollbackRequested", data: { ...which, by: "ada" } };

      assert.throws(() => encodeCommand(undo, META), {
        code: "MESSAGE_INVALID",
        message: /data\.runId: .*not both/,
      });
      assert.throws(() => parseCommand(undo.type, detailOf(undo)), { code: "MESSAGE_INVALID" });
    }
  });

  test("may be as large as the bus takes, and no larger", () => {
    const sized = (length: number): Command => ({
      ...START,
      data: { ...START.data, options: { a: "ü".repeat(length) } },
    });
    const { Source, DetailType, Detail } = encodeCommand(sized(0), META);
    const room = Math.floor((256 * 1024 - 14 - Buffer.byteLength(Source + DetailType + Detail)) / 2);

    assert.doesNotThrow(() => encodeCommand(sized(room), META));
    assert.throws(() => encodeCommand(sized(room + 1), META), {
      code: "COMMAND_TOO_LARGE",
      message: /StartRun .*256 KB/,
      next: /give a manifest as an artifact, by the name that `calico-migrator manifests put SOURCE --aws` prints/,
    });
    const options = { manifest: `artifact:manifests/${"0".repeat(64)}.yaml` };
    assert.doesNotThrow(() => encodeCommand({ ...START, data: { ...START.data, options } }, META));
  });

  test("that is wrong (MESSAGE_INVALID) is right as the schemas and examples have it", () => {
    const wrong = refusalOf(() => parseCommand("PauseRun", { ...detailOf(PAUSE), data: { run: "r1" } }));
    assert.equal(wrong.code, "MESSAGE_INVALID");
    assert.equal(wrong.next, "Compare it with the schemas and examples of calico-migrator's events.");
    const examples = readExamples().filter(({ entry }) => entry.name === "PauseRun");
    assert.ok(examples.length > 0);
    for (const { message } of examples) assert.equal(parseCommand("PauseRun", message).type, "PauseRun");
  });

  test("is not sent when it would not be understood", () => {
    assert.throws(() => encodeCommand({ ...PAUSE, data: { runId: "Not An Id", by: "ada" } }, META), {
      code: "MESSAGE_INVALID",
      message: /data\.runId: must be 1 to 64 of a-z, 0-9 and -/,
    });
    assert.throws(() => encodeCommand(PAUSE, { ...META, time: "yesterday" }), { message: /time: / });
  });

  const secrets: Command["data"][] = [
    { runId: "TIGER", by: "TIGER" },
    { runId: "r1", by: "TIGER".repeat(1000) },
    { ...START.data, options: [{ password: "TIGER" }] as never },
    { ...START.data, approvals: [{ subject: "TIGER", by: "TIGER", at: "TIGER" as never }] },
  ];
  for (const [index, data] of secrets.entries()) {
    test(`is refused without a word of its values (${index})`, () => {
      assert.throws(
        () => parseCommand("StartRun", detailOf(START, data)),
        (error: Error) => !JSON.stringify([error.message, error]).includes("TIGER"),
      );
    });
  }

  test("that is nested without end is refused like any other", () => {
    const options = '{"a":'.repeat(20_000) + "1" + "}".repeat(20_000);
    const body = deliveryBody("StartRun", detailOf(START)).replace('"options":{}', `"options":${options}`);

    assert.throws(() => parseDelivery(body), { code: "MESSAGE_INVALID" });
  });
});

describe("what a queue delivers", () => {
  test("is work", () => {
    assert.deepEqual(parseDelivery(encodeWork({ type: "run.advance", runId: "r1" }, 4)), {
      kind: "work",
      message: { type: "run.advance", runId: "r1" },
      hops: 4,
    });
  });

  test("is a command, for each of the examples", () => {
    const commands = readExamples().filter(({ entry }) => entry.role === "command");

    const kinds = commands.map((example) => {
      const delivery = parseDelivery(deliveryOf(example));
      return delivery.kind === "command" && delivery.command.type;
    });

    assert.ok(kinds.length > 0);
    assert.deepEqual(
      kinds,
      commands.map(({ entry }) => entry.name),
    );
  });

  const wrong = {
    "no JSON": "run.advance",
    "no object": '["run.advance"]',
    nothing: "{}",
    "an event of somebody else": deliveryBody("EC2 Instance State-change Notification", {}),
    "an event without a name": JSON.stringify({ "detail-type": 1, detail: {} }),
    "an event without content": JSON.stringify({ "detail-type": "PauseRun" }),
  };
  for (const [what, body] of Object.entries(wrong)) {
    test(`is refused when it is ${what}`, () => {
      assert.throws(() => parseDelivery(body), {
        code: /^(MESSAGE_INVALID|COMMAND_UNKNOWN)$/,
        retryable: false,
      });
    });
  }
});

function detailOf(command: Command, data: object = command.data): JsonObject {
  const type = `calico-migrator.${command.type}.v1`;
  return { specversion: "1.0", ...META, type, datacontenttype: "application/json", data: data as JsonObject };
}

function deliveryBody(detailType: string, detail: JsonObject): string {
  return JSON.stringify({ version: "0", "detail-type": detailType, source: "tests", detail });
}
