import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import type { PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { type AwsAnswer, errorXml, fakeAws, OUTPUTS, stackXml, useEnvironment } from "../testing/fake-aws.ts";
import { withFakeStack } from "../testing/fake-stack.ts";
import { fakeWorld, runOnAws } from "../testing/fake-world.ts";
import { openClients } from "./clients.ts";
import { readOutputs } from "./outputs.ts";
import { publishCommand } from "./publish.ts";
import { advice } from "../../shared/testing/advice/refused.ts";

const REGION = "eu-central-1";
const WHOLE: AwsAnswer = { status: 200, body: stackXml(OUTPUTS) };

/** Asks for the outputs of a stack, as every command with --aws does first. */
async function ask(stack = "CalicoMigrator", profile?: string): Promise<object> {
  const way = { region: REGION, ...(profile === undefined ? {} : { credentialsProfile: profile }) };
  const { cloudFormation, close } = openClients({ kind: "aws", stack, ...way }, {});
  try {
    return await readOutputs(cloudFormation, stack);
  } finally {
    close();
  }
}

/** An AWS that answers by the access key: only `new` is good. */
async function withOldKey(t: TestContext, refusal: AwsAnswer): Promise<void> {
  await fakeAws(t, ({ headers }) =>
    headers.authorization?.includes("Credential=new/") === true ? WHOLE : refusal,
  );
  useEnvironment(t, { AWS_ACCESS_KEY_ID: "old" });
}

describe("a call to AWS that fails", () => {
  test("without credentials (AWS_CREDENTIALS_MISSING): with those of the environment it is answered", async (t) => {
    await fakeAws(t, WHOLE);
    useEnvironment(t, { AWS_CONFIG_FILE: "/nonexistent", AWS_SHARED_CREDENTIALS_FILE: "/nonexistent" });
    const next = await advice(ask("CalicoMigrator", "nobody"), "AWS_CREDENTIALS_MISSING");
    assert.match(next, /AWS_ACCESS_KEY_ID/);
    assert.deepEqual(await ask(), OUTPUTS);
  });

  test("with credentials that have expired (AWS_CREDENTIALS_INVALID): with new ones it is answered", async (t) => {
    await withOldKey(t, { status: 403, body: errorXml("ExpiredToken", "The security token is expired") });
    assert.match(await advice(ask(), "AWS_CREDENTIALS_INVALID"), /^Renew them/);
    process.env["AWS_ACCESS_KEY_ID"] = "new";
    assert.deepEqual(await ask(), OUTPUTS);
  });

  test("of an identity without the right (AWS_DENIED): another one is answered", async (t) => {
    await withOldKey(t, { status: 403, body: errorXml("AccessDenied", "no") });
    assert.match(await advice(ask(), "AWS_DENIED"), /^Use an identity with that right/);
    process.env["AWS_ACCESS_KEY_ID"] = "new";
    assert.deepEqual(await ask(), OUTPUTS);
  });

  test("without a region (AWS_REGION_MISSING): --region gives it, and so does AWS_REGION", async (t) => {
    await fakeAws(t, WHOLE);
    useEnvironment(t, {
      AWS_REGION: undefined,
      AWS_DEFAULT_REGION: undefined,
      AWS_CONFIG_FILE: "/nonexistent",
    });
    const unsaid = { kind: "aws", stack: "CalicoMigrator" } as const;
    const { cloudFormation, close } = openClients(unsaid, {});
    const next = await advice(readOutputs(cloudFormation, "CalicoMigrator"), "AWS_REGION_MISSING");
    close();
    assert.match(next, /--region, set AWS_REGION/);
    assert.deepEqual(await ask(), OUTPUTS);
    process.env["AWS_REGION"] = REGION;
    const again = openClients(unsaid, {});
    assert.deepEqual(await readOutputs(again.cloudFormation, "CalicoMigrator"), OUTPUTS);
    again.close();
  });

  test("for an endpoint that is not there (AWS_UNREACHABLE): AWS_ENDPOINT_URL with another is answered", async (t) => {
    await fakeAws(t, WHOLE);
    const good = process.env["AWS_ENDPOINT_URL"];
    process.env["AWS_ENDPOINT_URL"] = "http://127.0.0.1:1";
    assert.match(await advice(ask(), "AWS_UNREACHABLE"), /AWS_ENDPOINT_URL if it is set/);
    process.env["AWS_ENDPOINT_URL"] = good;
    assert.deepEqual(await ask(), OUTPUTS);
  });
});

describe("a stack that cannot be used", () => {
  /** AWS with what CloudFormation says of the stack, which changes, or of another one. */
  async function withStack(t: TestContext, first: AwsAnswer): Promise<{ says: AwsAnswer }> {
    const stack = { says: first };
    await fakeAws(t, () => stack.says);
    return stack;
  }

  test("for there is none (STACK_NOT_FOUND): once it is deployed, it is read", async (t) => {
    const none = { status: 400, body: errorXml("ValidationError", "Stack with id X does not exist") };
    const stack = await withStack(t, none);
    assert.match(await advice(ask("X"), "STACK_NOT_FOUND"), /deploy the stack, or name another/);
    stack.says = WHOLE;
    assert.deepEqual(await ask("X"), OUTPUTS);
  });

  test("for it is of an older version (STACK_INCOMPLETE): deployed again, it is read", async (t) => {
    const stack = await withStack(t, { status: 200, body: stackXml({ TableName: "t" }) });
    assert.match(await advice(ask(), "STACK_INCOMPLETE"), /^Deploy the stack of this version again/);
    stack.says = WHOLE;
    assert.deepEqual(await ask(), OUTPUTS);
  });

  test("for it is being deployed (STACK_NOT_READY): once that is through, it is read", async (t) => {
    const stack = await withStack(t, { status: 200, body: stackXml({}, "CREATE_IN_PROGRESS") });
    assert.match(await advice(ask(), "STACK_NOT_READY"), /^Wait until its deployment is through/);
    stack.says = WHOLE;
    assert.deepEqual(await ask(), OUTPUTS);
  });
});

describe("a command on the bus", () => {
  test("that the bus does not take (COMMAND_NOT_SENT) is taken when it is sent again", async () => {
    const answers = [{ ErrorCode: "ThrottlingException" }, { EventId: "1" }];
    const sent: PutEventsCommand[] = [];
    const send = (one: PutEventsCommand) =>
      Promise.resolve({ Entries: [answers[sent.push(one) - 1] ?? {}], $metadata: {} });
    const bus = { clock: { now: () => 0, sleep: () => Promise.resolve() }, bus: "the-bus", events: { send } };
    const command = { type: "PauseRun", data: { runId: "r1", by: "alice" } } as const;
    assert.match(await advice(publishCommand(bus, command), "COMMAND_NOT_SENT"), /^Run the command again/);
    await publishCommand(bus, command);
    assert.equal(sent.length, 2);
  });

  test("that nobody takes (COMMAND_NOT_TAKEN) works later, as `get` shows", async (t) => {
    const world = fakeWorld(t);
    const stack = withFakeStack(t, world);
    await stack.clusters.add({ name: "prod", server: "https://prod.example.com:6443/", secretArn: "arn" });
    const publish = stack.publish.bind(stack);
    stack.takes = false;
    const { clock } = world;
    let now = 0;
    world.clock = { now: () => now, sleep: (ms) => Promise.resolve(void (now += ms)) };
    const { stderr } = await runOnAws(world, "start", "fake", "--cluster", "prod", "--stop-before", "lock");
    assert.match(stderr, /\(COMMAND_NOT_TAKEN\)\nnext: .*only late still works for an hour: /);
    const [, runId = ""] = /`calico-migrator get (\S+)`/.exec(stderr) ?? [];
    world.clock = clock;
    stack.takes = true;
    const [late] = stack.commands;
    assert.ok(late);
    await publish(late);
    assert.match((await runOnAws(world, "get", runId)).stdout, new RegExp(runId));
  });
});
