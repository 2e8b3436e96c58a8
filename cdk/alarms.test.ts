import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Capture, Match } from "aws-cdk-lib/assertions";
import { z } from "zod";
import { parseDelivery } from "../events/commands.ts";
import { readable } from "./readable.ts";
import { EVERYTHING, synthesized } from "./testing/synthesized.ts";

const template = synthesized();
const everything = synthesized(EVERYTHING);

const Alarm = z.object({
  Properties: z.object({
    AlarmDescription: z.string().min(1),
    AlarmActions: z.array(z.unknown()).min(1),
    OKActions: z.array(z.unknown()).min(1),
    Threshold: z.number(),
    TreatMissingData: z.enum(["breaching", "notBreaching"]),
  }),
});

const Reference = z.object({ Ref: z.string() });
const Statement = z.object({
  Effect: z.string(),
  Action: z.union([z.array(z.string()), z.string().transform((one) => [one])]),
  Principal: z.unknown(),
  Resource: z.unknown().optional(),
  Condition: z.unknown().optional(),
});
const Document = z.object({ Statement: z.array(Statement) });
const TopicPolicy = z.object({
  Properties: z.object({ PolicyDocument: Document, Topics: z.array(Reference) }),
});
const EncryptedTopic = z.object({
  Properties: z.object({
    KmsMasterKeyId: z.object({ "Fn::GetAtt": z.tuple([z.string(), z.literal("Arn")]) }),
  }),
});
const KeyPolicy = z.object({ Properties: z.object({ KeyPolicy: Document }) });

describe("alarms", () => {
  const alarms = new Map(
    Object.entries(template.findResources("AWS::CloudWatch::Alarm")).map(([id, resource]) => [
      id.replace(/^WatchAlarms|[0-9A-F]{8}$/g, ""),
      Alarm.parse(resource).Properties,
    ]),
  );

  test("there is one for each thing that can go wrong unseen", () => {
    const ofFunctions = ["Run", "Batch", "Rollback", "Wake", "DeadLetter"].flatMap((name) => [
      `${name}Errors`,
      `${name}Throttles`,
    ]);
    assert.deepEqual(
      [...alarms.keys()].toSorted(),
      [
        ...["Commands", "Runs", "Batches", "Rollbacks"].flatMap((name) => [
          `${name}DeadLetters`,
          `${name}Old`,
        ]),
        ...ofFunctions,
        ...["Run", "Batch", "Rollback"].map((name) => `${name}RecursionDropped`),
        ...["StalledRuns", "LockAge", "HopBudgetSpent", "TableThrottles", "SchedulesFailed"],
        ...["Undelivered", "WakeSilent"],
      ].toSorted(),
    );
  });

  test("only silence of wake, and of how long datastores are locked, is itself an alarm", () => {
    const breaching = [...alarms].filter(([, { TreatMissingData }]) => TreatMissingData === "breaching");
    assert.deepEqual(
      breaching.map(([name]) => name),
      ["LockAge", "WakeSilent"],
    );
  });

  test("go off with the first dead letter, also while somebody looks at it", () => {
    template.hasResourceProperties("AWS::CloudWatch::Alarm", {
      AlarmDescription: Match.stringLikeRegexp("queue rollbacks were given up"),
      ComparisonOperator: "GreaterThanThreshold",
      Threshold: 0,
      Metrics: Match.arrayWith([
        Match.objectLike({ Expression: Match.stringLikeRegexp("visible\\w+ \\+ hidden") }),
      ]),
    });
  });

  test("watch the functions' own metrics of this stack", () => {
    template.hasResourceProperties("AWS::CloudWatch::Alarm", {
      Namespace: "CalicoMigrator",
      MetricName: "LockAgeSeconds",
      Dimensions: [{ Name: "service", Value: "CalicoMigrator" }],
      Threshold: 900,
    });
    everything.hasResourceProperties("AWS::CloudWatch::Alarm", {
      MetricName: "StalledRuns",
      Dimensions: [{ Name: "service", Value: "Everything" }],
    });
    everything.hasResourceProperties("AWS::Lambda::Function", {
      Environment: {
        Variables: Match.objectLike({
          POWERTOOLS_SERVICE_NAME: "Everything",
          POWERTOOLS_METRICS_NAMESPACE: "CalicoMigrator",
        }),
      },
    });
  });

  test("reach the topic: it lets them in, and so does the key that it is encrypted with", () => {
    const ofType = (type: string) => new Map(Object.entries(template.findResources(type)));
    const topics = ofType("AWS::SNS::Topic");
    const told = new Set(
      [...alarms.values()].flatMap(({ AlarmActions, OKActions }) =>
        [...AlarmActions, ...OKActions].map((action) => Reference.parse(action).Ref),
      ),
    );
    assert.deepEqual([...told], [...topics.keys()]);

    const [id = "", topic] = [...topics][0] ?? [];
    const policies = [...ofType("AWS::SNS::TopicPolicy").values()].map((policy) => TopicPolicy.parse(policy));
    const ofTopic = policies.find(({ Properties }) => Properties.Topics.some(({ Ref }) => Ref === id));
    const published = ofTopic?.Properties.PolicyDocument.Statement.find(
      ({ Effect, Action }) => Effect === "Allow" && Action.includes("sns:Publish"),
    );
    assert.deepEqual(published?.Principal, { Service: "cloudwatch.amazonaws.com" });
    assert.deepEqual(published.Resource, { Ref: id });
    assert.match(readable(published.Condition), /aws:SourceAccount.*AWS::AccountId/);
    assert.match(readable(published.Condition), /aws:SourceArn.*:cloudwatch:.*:alarm:CalicoMigrator-\*/);

    const { KmsMasterKeyId } = EncryptedTopic.parse(topic).Properties;
    const keyPolicy = KeyPolicy.parse(
      template.findResources("AWS::KMS::Key")[KmsMasterKeyId["Fn::GetAtt"][0]],
    );
    const encrypts = keyPolicy.Properties.KeyPolicy.Statement.find(
      ({ Principal }) => JSON.stringify(Principal) === '{"Service":"cloudwatch.amazonaws.com"}',
    );
    assert.equal(encrypts?.Effect, "Allow");
    for (const action of ["kms:Decrypt", "kms:GenerateDataKey"]) assert.ok(encrypts.Action.includes(action));
  });

  test("tell a topic that is encrypted with our key, or the one that is given", () => {
    template.hasResourceProperties("AWS::SNS::Topic", { KmsMasterKeyId: Match.anyValue() });
    everything.hasResourceProperties("AWS::SNS::Subscription", {
      Protocol: "email",
      Endpoint: "operations@example.org",
    });
    const alarmTopicArn = "arn:aws:sns:eu-central-1:111122223333:operations";
    const given = synthesized({ alarmTopicArn });
    given.resourceCountIs("AWS::SNS::Topic", 0);
    given.allResourcesProperties("AWS::CloudWatch::Alarm", { AlarmActions: [alarmTopicArn] });
  });
});

describe("a cluster's alarm", () => {
  const target = new Capture();
  everything.hasResourceProperties("AWS::Events::Rule", {
    EventBusName: Match.absent(),
    EventPattern: {
      source: ["aws.cloudwatch"],
      "detail-type": ["CloudWatch Alarm State Change"],
      resources: ["arn:aws:cloudwatch:eu-central-1:111122223333:alarm:PodsUnreachable"],
      detail: { state: { value: ["ALARM"] } },
    },
    Targets: [target],
  });
  const Target = z.object({
    Arn: z.object({ "Fn::GetAtt": z.tuple([z.string(), z.literal("Arn")]) }),
    InputTransformer: z.object({
      InputPathsMap: z.record(z.string(), z.string()),
      InputTemplate: z.string(),
    }),
  });
  const { Arn, InputTransformer } = Target.parse(target.asObject());

  test("asks for the rollback of the run that holds the cluster, in the shape of a command", () => {
    assert.match(Arn["Fn::GetAtt"][0], /^QueuesCommands[0-9A-F]{8}$/);
    const body = transformed(InputTransformer, {
      id: "6f87d04b-9f74-4f04-a780-7acf4b0a9b38",
      account: "111122223333",
      time: "2026-11-21T12:00:00Z",
      region: "eu-central-1",
      detail: { state: { value: "ALARM", reason: 'Threshold Crossed: "5" > 1' } },
    });
    const alarm = EVERYTHING.rollbackAlarms?.[0]?.alarmArn;
    assert.deepEqual(parseDelivery(body), {
      kind: "command",
      command: {
        type: "RollbackRequested",
        data: { cluster: "east", by: alarm, reason: 'Threshold Crossed: "5" > 1' },
      },
      meta: { id: "6f87d04b-9f74-4f04-a780-7acf4b0a9b38", source: alarm, time: "2026-11-21T12:00:00Z" },
    });
  });
});

/** What EventBridge makes of an event: text stands quoted where the template names it without quotes. */
function transformed(
  { InputPathsMap, InputTemplate }: { InputPathsMap: Record<string, string>; InputTemplate: string },
  event: unknown,
): string {
  return InputTemplate.replaceAll(/<([\w-]+)>/g, (_, name: string) => {
    const path = (InputPathsMap[name] ?? "").split(".").slice(1);
    const value = path.reduce<unknown>((at, key) => Reflect.get(Object(at) as object, key), event);
    return JSON.stringify(value);
  });
}

describe("commands of the bus", () => {
  test("are let into a queue by the stack's own rules alone", () => {
    const rules = everything.findResources("AWS::Events::Rule");
    const lines = Object.values(everything.findResources("AWS::SQS::QueuePolicy")).flatMap((resource) => {
      const { Statement: statements } = z
        .object({ Properties: z.object({ PolicyDocument: Document }) })
        .parse(resource).Properties.PolicyDocument;
      return statements.filter(({ Effect }) => Effect === "Allow");
    });
    assert.ok(lines.length >= Object.keys(rules).length);
    const sources = new Set<string>();
    for (const { Principal, Condition } of lines) {
      if (JSON.stringify(Principal) !== '{"Service":"events.amazonaws.com"}') continue;
      const { ArnEquals } = z
        .object({ ArnEquals: z.object({ "aws:SourceArn": z.unknown() }) })
        .parse(Condition);
      sources.add(JSON.stringify(ArnEquals["aws:SourceArn"]));
    }
    for (const rule of Object.keys(rules))
      assert.ok(
        [...sources].some((source) => source.includes(rule)),
        rule,
      );
  });
});

describe("the log level", () => {
  for (const [logLevel, application] of [
    ["DEBUG", "DEBUG"],
    ["INFO", "INFO"],
    ["WARN", "INFO"],
    ["ERROR", "INFO"],
  ] as const) {
    test(`${logLevel} keeps Lambda from filtering metrics out, which it takes for INFO`, () => {
      const stack = synthesized({ logLevel });
      stack.allResourcesProperties("AWS::Lambda::Function", {
        LoggingConfig: Match.objectLike({ ApplicationLogLevel: application }),
        Environment: { Variables: Match.objectLike({ POWERTOOLS_LOG_LEVEL: logLevel }) },
      });
    });
  }
});
