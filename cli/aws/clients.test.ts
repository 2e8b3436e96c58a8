import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DescribeStacksCommand } from "@aws-sdk/client-cloudformation";
import { PutEventsCommand } from "@aws-sdk/client-eventbridge";
import { errorXml, fakeAws, OUTPUTS, stackXml, useEnvironment } from "../testing/fake-aws.ts";
import { openClients } from "./clients.ts";
import { readOutputs } from "./outputs.ts";
import { parseCommand } from "../../events/commands.ts";
import { publishCommand } from "./publish.ts";

const TARGET = { kind: "aws", stack: "CalicoMigrator", region: "eu-central-1" } as const;
describe("a stack's outputs", () => {
  test("are what the command line needs", async (t) => {
    await fakeAws(t, { status: 200, body: stackXml({ ...OUTPUTS, Other: "x" }) });
    const { cloudFormation, close } = openClients(TARGET, {});
    assert.deepEqual(await readOutputs(cloudFormation, "CalicoMigrator"), OUTPUTS);
    close();
  });

  test("are told by name where they are missing", async (t) => {
    await fakeAws(t, { status: 200, body: stackXml({ TableName: "t" }) });
    const { cloudFormation, close } = openClients(TARGET, {});
    await assert.rejects(readOutputs(cloudFormation, "Other"), {
      code: "STACK_INCOMPLETE",
      message: /no output ArtifactBucketName, EventBusName, ClusterSecretPrefix/,
    });
    close();
  });

  test("are not there without a stack", async (t) => {
    await fakeAws(t, { status: 400, body: errorXml("ValidationError", "Stack with id X does not exist") });
    const { cloudFormation, close } = openClients(TARGET, {});
    await assert.rejects(readOutputs(cloudFormation, "X"), { code: "STACK_NOT_FOUND", next: /--aws=STACK/ });
    close();
  });
});

describe("the clients", () => {
  test("say clearly what AWS denies", async (t) => {
    const message = "User: x is not authorized to perform: cloudformation:DescribeStacks on resource: y";
    await fakeAws(t, { status: 403, body: errorXml("AccessDenied", message) });
    const { cloudFormation, close } = openClients(TARGET, {});
    await assert.rejects(cloudFormation.send(new DescribeStacksCommand({})), {
      code: "AWS_DENIED",
      message: "AWS denies cloudformation:DescribeStacks",
    });
    close();
  });

  test("say clearly that there are no credentials, or no such profile", async (t) => {
    useEnvironment(t, { AWS_CONFIG_FILE: "/nonexistent", AWS_SHARED_CREDENTIALS_FILE: "/nonexistent" });
    const { events, close } = openClients({ ...TARGET, credentialsProfile: "nobody" }, {});
    await assert.rejects(events.send(new PutEventsCommand({ Entries: [] })), {
      code: "AWS_CREDENTIALS_MISSING",
    });
    close();
  });

  test("say clearly that AWS cannot be reached", async (t) => {
    useEnvironment(t, {
      ...{ AWS_ENDPOINT_URL: "http://127.0.0.1:1", AWS_ACCESS_KEY_ID: "k", AWS_SECRET_ACCESS_KEY: "s" },
    });
    const { cloudFormation, close } = openClients(TARGET, {});
    await assert.rejects(readOutputs(cloudFormation, "X"), { code: "AWS_UNREACHABLE", retryable: true });
    close();
  });
});

describe("a command on the bus", () => {
  const command = { type: "PauseRun", data: { runId: "r1", by: "alice" } } as const;
  const clock = { now: () => 0, sleep: () => Promise.resolve() };

  test("is an event of its own, and an error where the bus did not take it", async () => {
    const sent: PutEventsCommand[] = [];
    const bus = (entry: { EventId?: string; ErrorCode?: string }) => ({
      clock,
      bus: "the-bus",
      events: {
        send: (one: PutEventsCommand) => {
          sent.push(one);
          return Promise.resolve({ Entries: [entry], $metadata: {} });
        },
      },
    });
    await publishCommand(bus({ EventId: "1" }), command);
    const [entry] = sent[0]?.input.Entries ?? [];
    assert.deepEqual([entry?.EventBusName, entry?.DetailType], ["the-bus", "PauseRun"]);
    const sentCommand = parseCommand("PauseRun", JSON.parse(entry?.Detail ?? ""));
    assert.deepEqual(
      sentCommand,
      { ...command, data: { ...command.data, notAfter: "1970-01-01T01:00:00.000Z" } },
      "it expires in an hour",
    );
    await assert.rejects(publishCommand(bus({ ErrorCode: "ThrottlingException" }), command), {
      code: "COMMAND_NOT_SENT",
      retryable: true,
      message: /did not take PauseRun: ThrottlingException/,
    });
  });
});
