import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { before, describe, test } from "node:test";
import type { DomainEvent } from "../shared/engine/records.ts";
import { EVENT_SCHEMAS, refusalEvent, toCloudEvent } from "./domain.ts";
import { parseWith } from "./invalid.ts";

const SHARED = join(import.meta.dirname, "..", "shared");
const TYPE = /"([a-z]+(?:\.[a-z-]+)+)"/;

describe("events", () => {
  let announced: string[] = [];

  before(() => {
    announced = globSync("**/*.ts", { cwd: SHARED })
      .filter((path) => !/\.test\.ts$|\/(testing|contract)\//.test(path))
      .flatMap((path) => announcements(readFileSync(join(SHARED, path), "utf8")));
  });

  test("that are announced are found in the sources", () => {
    for (const type of [
      "run.started",
      "run.failed",
      "batch.failed",
      "datastore.locked",
      "preflight.passed",
    ]) {
      assert.ok(announced.includes(type), type);
    }
  });

  test("have a schema, all that are announced", () => {
    assert.deepEqual(
      announced.filter((type) => !Object.hasOwn(EVENT_SCHEMAS, type)),
      [],
    );
  });

  test("go out as CloudEvents, each with an id of its own", () => {
    const event: DomainEvent = {
      runId: "r1",
      sequence: 12,
      type: "run.failed",
      time: Date.parse("2027-01-12T09:30:00.250Z"),
      data: { code: "THE_CODE", message: "it failed", next: "Mend it.", stage: undefined },
    };

    const sent: unknown = JSON.parse(JSON.stringify(toCloudEvent(event, { source: "calico-migrator" })));

    assert.deepEqual(sent, {
      specversion: "1.0",
      id: "r1/12",
      source: "calico-migrator",
      type: "calico-migrator.run.failed.v1",
      time: "2027-01-12T09:30:00.250Z",
      subject: "r1",
      datacontenttype: "application/json",
      data: { code: "THE_CODE", message: "it failed", next: "Mend it." },
    });
    assert.doesNotThrow(() => parse("run.failed", sent));
  });

  test("with fields of a later version are read, and keep them", () => {
    const event: DomainEvent = {
      runId: "r1",
      sequence: 1,
      type: "run.ended",
      time: 0,
      data: { state: "Aborted", new: 1 },
    };
    const sent = toCloudEvent(event, { source: "calico-migrator" });

    assert.deepEqual(parse("run.ended", sent), sent);
  });

  test("tell of refused commands, by the message that brought them", () => {
    const refusal = {
      command: "RollbackRequested",
      messageId: "m1",
      code: "CODE",
      message: "no",
      next: "Do it.",
    };
    const sent = refusalEvent(
      { ...refusal, cluster: "c1" },
      { source: "calico-migrator", time: new Date(0) },
    );

    assert.deepEqual([sent.id, sent.subject, sent.time], ["m1", "c1", "1970-01-01T00:00:00.000Z"]);
    assert.deepEqual(parse("command.refused", sent), sent);
  });
});

function parse(type: string, value: unknown): unknown {
  const schema = EVENT_SCHEMAS[type];
  assert.ok(schema);
  return parseWith(schema, type, value);
}

/** The types that a source announces: in each call the first text that has the form of one. */
function announcements(source: string): string[] {
  return [...source.matchAll(/\bannounce\(/g)].flatMap(({ index }) => {
    const [, type] = TYPE.exec(callAt(source, source.indexOf("(", index))) ?? [];
    return type === undefined ? [] : [type];
  });
}

/** What stands between the bracket at an index and the one that closes it. */
function callAt(source: string, start: number): string {
  let end = start;
  let open = 0;
  do {
    if (source[end] === "(") open += 1;
    if (source[end] === ")") open -= 1;
    end += 1;
  } while (open > 0 && end < source.length);
  return source.slice(start, end);
}
