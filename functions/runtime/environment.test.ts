import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MigratorError } from "../../shared/errors.ts";
import {
  BatchEnvironment,
  DeadLetterEnvironment,
  readEnvironment,
  RunEnvironment,
  WakeEnvironment,
} from "./environment.ts";
import { VARIABLES } from "../testing/variables.ts";

const without = (name: string) => ({ ...VARIABLES, [name]: undefined });

function faultOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    assert.ok(error instanceof MigratorError && error.code === "ENVIRONMENT_INVALID");
    return error.message;
  }
  return "none";
}

describe("the environment of a function", () => {
  test("is read with its numbers, lists and switches", () => {
    const read = readEnvironment(RunEnvironment, {
      ...VARIABLES,
      ALLOWED_SERVERS: "eks.amazonaws.com, example.org,",
      ALLOW_LOOPBACK_SERVERS: "true",
    });
    assert.equal(read.HOP_BUDGET, 10_000);
    assert.deepEqual(read.ALLOWED_SERVERS, ["eks.amazonaws.com", "example.org"]);
    assert.equal(read.ALLOW_LOOPBACK_SERVERS, true);
  });

  test("may leave out what is optional, also as an empty text", () => {
    const read = readEnvironment(BatchEnvironment, { ...VARIABLES, ALLOWED_SERVERS: "" });
    assert.equal(read.ALLOWED_SERVERS, undefined);
    assert.equal(read.ALLOW_LOOPBACK_SERVERS, undefined);
  });

  for (const [name, schema] of Object.entries({
    RunEnvironment,
    BatchEnvironment,
    WakeEnvironment,
    DeadLetterEnvironment,
  })) {
    test(`of ${name} asks for each of its variables by name`, () => {
      const optional = ["ALLOWED_SERVERS", "ALLOW_LOOPBACK_SERVERS"];
      for (const variable of Object.keys(schema.shape).filter((key) => !optional.includes(key))) {
        assert.match(
          faultOf(() => readEnvironment<unknown>(schema, without(variable))),
          new RegExp(variable),
        );
      }
    });
  }

  test("that somebody has changed is read once it is put back as the stack has it", () => {
    const next = /with `cdk deploy --revert-drift`: somebody has changed its variables/;
    const changed = { ...VARIABLES, HOP_BUDGET: "many" };
    assert.throws(() => readEnvironment(RunEnvironment, changed), { code: "ENVIRONMENT_INVALID", next });
    assert.equal(readEnvironment(RunEnvironment, VARIABLES).HOP_BUDGET, 10_000);
  });

  test("names what is wrong without telling the value", () => {
    for (const [variable, value] of [
      ["HOP_BUDGET", "many-s3cret"],
      ["LEASE_TTL_MS", "0"],
      ["RUNS_QUEUE_URL", "s3cret"],
      ["SCHEDULE_ROLE_ARN", "s3cret"],
    ] as const) {
      const fault = faultOf(() => readEnvironment(RunEnvironment, { ...VARIABLES, [variable]: value }));
      assert.match(fault, new RegExp(variable));
      assert.doesNotMatch(fault, /s3cret/);
    }
  });
});
