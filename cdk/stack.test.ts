import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Capture, Match } from "aws-cdk-lib/assertions";
import { z } from "zod";
import { RETRY } from "../functions/runtime/queue-handler.ts";
import { backoffMs } from "../shared/engine/backoff.ts";
import { COMMAND_SCHEMAS } from "../events/commands.ts";
import { FUNCTION_NAMES } from "../functions/bundle.ts";
import {
  BatchEnvironment,
  DeadLetterEnvironment,
  RollbackEnvironment,
  RunEnvironment,
  WakeEnvironment,
} from "../functions/runtime/environment.ts";
import { tableDefinition } from "../shared/adapters/aws/dynamodb/table-definition.ts";
import { COMMANDS, pascal } from "./names.ts";
import { EVERYTHING, synthesized } from "./testing/synthesized.ts";

const template = synthesized();
const everything = synthesized(EVERYTHING);

const logicalId = (type: string, name: string): string => {
  const ids = Object.keys(template.findResources(type)).filter((id) => id.startsWith(name));
  assert.equal(ids.length, 1, `${type} ${name}: ${ids.join(", ")}`);
  return ids[0] ?? "";
};
const KEY = { "Fn::GetAtt": [logicalId("AWS::KMS::Key", "EncryptionKey"), "Arn"] };
const queueArn = (name: string) => ({ "Fn::GetAtt": [logicalId("AWS::SQS::Queue", `Queues${name}`), "Arn"] });

/** A value that fits, by how a variable's name ends. */
const EXAMPLES: readonly [end: RegExp, value: string][] = [
  [/_URL$/, "https://sqs.example/queue"],
  [/_ARN$/, "arn:aws:sqs:eu-central-1:111122223333:queue"],
  [/_MS$/, "30000"],
  [/_DAYS$|_MINUTES$|_BUDGET$|_CONCURRENCY$/, "30"],
  [/_LOOPBACK_SERVERS$/, "true"],
  [/./, "text"],
];

describe("the table", () => {
  test("is the one that the adapter works with", () => {
    const { TableName: _, ...definition } = tableDefinition("any");
    const indexes = definition.GlobalSecondaryIndexes ?? [];
    template.hasResourceProperties("AWS::DynamoDB::Table", {
      BillingMode: definition.BillingMode,
      KeySchema: definition.KeySchema,
      AttributeDefinitions: definition.AttributeDefinitions,
      GlobalSecondaryIndexes: indexes,
    });
  });

  test("is kept, encrypted with our key, restorable to any second, protected, and forgets what expires", () => {
    template.hasResource("AWS::DynamoDB::Table", {
      DeletionPolicy: "Retain",
      UpdateReplacePolicy: "Retain",
      Properties: {
        DeletionProtectionEnabled: true,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        SSESpecification: { SSEEnabled: true, SSEType: "KMS", KMSMasterKeyId: KEY },
        TimeToLiveSpecification: { AttributeName: "expiresAt", Enabled: true },
      },
    });
  });
});

describe("artifacts", () => {
  test("are kept in all versions, encrypted with our key, out of the public's reach, and access is logged", () => {
    template.hasResource("AWS::S3::Bucket", {
      DeletionPolicy: "Retain",
      Properties: {
        VersioningConfiguration: { Status: "Enabled" },
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [
            {
              BucketKeyEnabled: true,
              ServerSideEncryptionByDefault: { KMSMasterKeyID: KEY, SSEAlgorithm: "aws:kms" },
            },
          ],
        },
        LoggingConfiguration: Match.objectLike({ LogFilePrefix: "artifacts/" }),
      },
    });
    template.allResourcesProperties("AWS::S3::Bucket", {
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
    });
  });

  test("take no connection without TLS", () => {
    template.resourceCountIs("AWS::S3::BucketPolicy", 2);
    template.allResourcesProperties("AWS::S3::BucketPolicy", {
      PolicyDocument: Match.objectLike(denyWithoutTls("s3:*")),
    });
  });

  test("that were never finished go after a day, plans after seven; others stay unless it is said for how long", () => {
    const staging = { Id: "Staging", Prefix: "staging/", Status: "Enabled", ExpirationInDays: 1 };
    const rules = new Capture();
    const lifecycle = { LifecycleConfiguration: { Rules: rules } };
    const versioned = { VersioningConfiguration: { Status: "Enabled" } };
    template.hasResourceProperties("AWS::S3::Bucket", { ...lifecycle, ...versioned });
    everything.hasResourceProperties("AWS::S3::Bucket", { ...lifecycle, ...versioned });
    const [byDefault, limited] = rules._captured.map((found) =>
      z.array(z.record(z.string(), z.unknown())).parse(found),
    );
    assert.deepEqual({ ...byDefault?.[0], ...staging }, byDefault?.[0]);
    const plans = { Id: "Plans", Prefix: "plans/", Status: "Enabled", ExpirationInDays: 7 };
    assert.deepEqual({ ...byDefault?.[1], ...plans }, byDefault?.[1]);
    assert.deepEqual(byDefault?.[2]?.["AbortIncompleteMultipartUpload"], { DaysAfterInitiation: 1 });
    assert.equal(byDefault[2]["ExpirationInDays"], undefined);
    assert.equal(limited?.[2]?.["ExpirationInDays"], 400);
  });
});

describe("queues", () => {
  for (const name of ["Runs", "Batches", "Rollbacks"]) {
    test(`${name}: hides messages for six timeouts, and gives up after five tries into its own dead-letter queue`, () => {
      template.hasResourceProperties("AWS::SQS::Queue", {
        QueueName: `CalicoMigrator-${name.toLowerCase()}`,
        VisibilityTimeout: 720,
        RedrivePolicy: { deadLetterTargetArn: queueArn(`${name}DeadLetters`), maxReceiveCount: 5 },
      });
      template.hasResourceProperties("AWS::SQS::Queue", {
        QueueName: `CalicoMigrator-${name.toLowerCase()}-dead-letters`,
        MessageRetentionPeriod: 14 * 24 * 3600,
        RedriveAllowPolicy: {
          redrivePermission: "byQueue",
          sourceQueueArns: [Match.objectLike({ "Fn::Join": Match.anyValue() })],
        },
      });
    });
  }

  test("Commands: gives up after more than an hour of tries, as nobody sends a command again", () => {
    const receives = new Capture();
    template.hasResourceProperties("AWS::SQS::Queue", {
      QueueName: "CalicoMigrator-commands",
      VisibilityTimeout: 720,
      RedrivePolicy: { deadLetterTargetArn: queueArn("CommandsDeadLetters"), maxReceiveCount: receives },
    });
    const tries = Array.from({ length: receives.asNumber() - 1 }, (_, index) => index + 1);
    const ms = tries.reduce((sum, attempt) => sum + backoffMs(RETRY, attempt, () => 0), 0);
    assert.ok(ms > 3_600_000, `${ms} ms`);
    synthesized({ commandReceiveCount: 9 }).hasResourceProperties("AWS::SQS::Queue", {
      QueueName: "CalicoMigrator-commands",
      RedrivePolicy: { maxReceiveCount: 9 },
    });
  });

  test("are encrypted with our key, and take no connection without TLS", () => {
    template.allResourcesProperties("AWS::SQS::Queue", { KmsMasterKeyId: KEY });
    template.resourceCountIs("AWS::SQS::Queue", 9);
    template.resourceCountIs("AWS::SQS::QueuePolicy", 9);
    template.allResourcesProperties("AWS::SQS::QueuePolicy", {
      PolicyDocument: Match.objectLike(denyWithoutTls("sqs:*")),
    });
  });
});

describe("functions", () => {
  test("run on the current Node and ARM, log JSON into an encrypted log of their own, and are traced", () => {
    template.resourceCountIs("AWS::Lambda::Function", 5);
    template.allResourcesProperties("AWS::Lambda::Function", {
      Runtime: "nodejs24.x",
      Architectures: ["arm64"],
      TracingConfig: { Mode: "Active" },
      LoggingConfig: { LogFormat: "JSON", ApplicationLogLevel: "INFO", LogGroup: Match.anyValue() },
    });
    template.resourceCountIs("AWS::Logs::LogGroup", 5);
    template.allResourcesProperties("AWS::Logs::LogGroup", { RetentionInDays: 90, KmsKeyId: KEY });
  });

  test("that feed their own queues are allowed to, and take one message at a time", () => {
    for (const [name, queue, atOnce] of [
      ["Run", "Runs", 10],
      ["Run", "Commands", 5],
      ["Batch", "Batches", 10],
      ["Rollback", "Rollbacks", 10],
    ] as const) {
      const id = logicalId("AWS::Lambda::Function", `Functions${name}Function`);
      template.hasResourceProperties("AWS::Lambda::EventSourceMapping", {
        FunctionName: { Ref: id },
        EventSourceArn: Match.objectLike({
          "Fn::GetAtt": [Match.stringLikeRegexp(`^Queues${queue}[0-9A-F]{8}$`), "Arn"],
        }),
        BatchSize: 1,
        FunctionResponseTypes: ["ReportBatchItemFailures"],
        ScalingConfig: { MaximumConcurrency: atOnce },
      });
    }
    const fed = template.findResources("AWS::Lambda::Function", { Properties: { RecursiveLoop: "Allow" } });
    assert.equal(Object.keys(fed).length, 3);
  });

  test("have as much concurrency reserved as their mappings use, unless the account has none to spare", () => {
    const reserved = (from: typeof template) =>
      Object.values(from.findResources("AWS::Lambda::Function")).map(
        (resource) =>
          z
            .object({ Properties: z.object({ ReservedConcurrentExecutions: z.number().optional() }) })
            .parse(resource).Properties.ReservedConcurrentExecutions,
      );
    assert.deepEqual(reserved(template).toSorted(), [1, 1, 10, 10, 15]);
    const none = synthesized({ reserveConcurrency: false });
    assert.deepEqual(
      reserved(none),
      Array.from({ length: 5 }, () => undefined),
    );
  });

  const SCHEMAS = {
    run: RunEnvironment,
    batch: BatchEnvironment,
    rollback: RollbackEnvironment,
    wake: WakeEnvironment,
    "dead-letter": DeadLetterEnvironment,
  };
  const EVERY = Object.fromEntries(
    Object.values(SCHEMAS).flatMap(({ shape }) =>
      Object.keys(shape).map((variable) => [variable, EXAMPLES.find(([end]) => end.test(variable))?.[1]]),
    ),
  );
  for (const name of FUNCTION_NAMES) {
    test(`${name} is given the variables that it reads, and no others`, () => {
      const given = variablesOf(everything, name);
      const read = Object.keys(SCHEMAS[name].shape);
      const without = (variable: string) => SCHEMAS[name].safeParse({ ...EVERY, [variable]: undefined });
      const needed = read.filter((variable) => !without(variable).success);
      assert.deepEqual(
        needed.filter((variable) => !given.includes(variable)),
        [],
      );
      const surplus = given.filter(
        (variable) => !read.includes(variable) && !variable.startsWith("POWERTOOLS_"),
      );
      assert.deepEqual(surplus, []);
    });
  }

  test("reach servers on this machine only where tests ask for it", () => {
    assert.ok(!variablesOf(template, "run").includes("ALLOW_LOOPBACK_SERVERS"));
    assert.ok(
      variablesOf(synthesized({ allowLoopbackServers: true }), "run").includes("ALLOW_LOOPBACK_SERVERS"),
    );
  });
});

describe("a VPC", () => {
  test("takes the functions that reach clusters, in a security group that lets nothing in", () => {
    const inVpc = everything.findResources("AWS::Lambda::Function", {
      Properties: { VpcConfig: { SubnetIds: EVERYTHING.subnetIds, SecurityGroupIds: Match.anyValue() } },
    });
    assert.deepEqual(
      Object.keys(inVpc).map((id) => id.slice(0, -8)),
      ["FunctionsRunFunction", "FunctionsBatchFunction", "FunctionsRollbackFunction"],
    );
    everything.hasResourceProperties("AWS::EC2::SecurityGroup", {
      VpcId: EVERYTHING.vpcId,
      SecurityGroupIngress: Match.absent(),
    });
  });

  test("with security groups of one's own gets no further one", () => {
    const own = ["sg-0123456789abcdef0"];
    const placed = synthesized({ subnetIds: ["subnet-0123456789abcdef0"], securityGroupIds: own });
    placed.resourceCountIs("AWS::EC2::SecurityGroup", 0);
    placed.hasResourceProperties("AWS::Lambda::Function", { VpcConfig: { SecurityGroupIds: own } });
  });
});

describe("the bus", () => {
  test("brings every command to the queue of commands, where none waits behind work", () => {
    assert.deepEqual(COMMANDS.toSorted(), Object.keys(COMMAND_SCHEMAS).toSorted());
    template.hasResourceProperties("AWS::Events::Rule", {
      EventBusName: { Ref: logicalId("AWS::Events::EventBus", "EventsBus") },
      EventPattern: { "detail-type": COMMANDS },
      Targets: [
        {
          Arn: { "Fn::GetAtt": [Match.stringLikeRegexp("^QueuesCommands[0-9A-F]{8}$"), "Arn"] },
          DeadLetterConfig: { Arn: queueArn("Undelivered") },
        },
      ],
    });
  });

  test("is encrypted with our key", () => {
    template.hasResourceProperties("AWS::Events::EventBus", { KmsKeyIdentifier: KEY });
  });
});

describe("schedules", () => {
  test("call wake and dead-letter every minute", () => {
    for (const name of ["Wake", "DeadLetter"]) {
      template.hasResourceProperties("AWS::Scheduler::Schedule", {
        ScheduleExpression: "rate(1 minute)",
        FlexibleTimeWindow: { Mode: "OFF" },
        Target: {
          Arn: { "Fn::GetAtt": [logicalId("AWS::Lambda::Function", `Functions${name}Function`), "Arn"] },
        },
      });
    }
    synthesized({ wakeEveryMinutes: 5 }).allResourcesProperties("AWS::Scheduler::Schedule", {
      ScheduleExpression: "rate(5 minutes)",
    });
  });

  test("let only schedules of the stack's group use their roles", () => {
    const group = logicalId("AWS::Scheduler::ScheduleGroup", "SchedulesGroup");
    for (const id of ["SchedulesMessageRole", "SchedulesCallRole"]) {
      const role = template.findResources("AWS::IAM::Role")[logicalId("AWS::IAM::Role", id)];
      assert.ok(JSON.stringify(role).includes(`"aws:SourceArn":{"Fn::GetAtt":["${group}","Arn"]}`), id);
    }
  });
});

describe("encryption", () => {
  test("makes a key that rotates and stays", () => {
    template.hasResource("AWS::KMS::Key", {
      DeletionPolicy: "Retain",
      Properties: { EnableKeyRotation: true },
    });
  });

  test("uses a key that is given", () => {
    const kmsKeyArn = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    const given = synthesized({ kmsKeyArn });
    given.resourceCountIs("AWS::KMS::Key", 0);
    given.allResourcesProperties("AWS::SQS::Queue", { KmsMasterKeyId: kmsKeyArn });
    given.hasOutput("ClusterSecretKeyArn", { Value: kmsKeyArn });
  });
});

describe("what a test's stack leaves behind", () => {
  test("is nothing", () => {
    const { Resources } = z
      .object({ Resources: z.record(z.string(), z.object({ DeletionPolicy: z.string().optional() })) })
      .parse(synthesized({ removalPolicy: "destroy", deletionProtection: false }).toJSON());
    const kept = Object.entries(Resources).filter(([, { DeletionPolicy }]) =>
      /Retain/.test(DeletionPolicy ?? ""),
    );
    assert.deepEqual(
      kept.map(([id]) => id),
      [],
    );
  });
});

describe("outputs", () => {
  test("are those that the command line and people look for", () => {
    const found = z.object({ Outputs: z.record(z.string(), z.unknown()) }).parse(template.toJSON());
    assert.deepEqual(Object.keys(found.Outputs), [
      ...["TableName", "ArtifactBucketName", "EventBusName", "ClusterSecretPrefix", "ClusterSecretKeyArn"],
      ...["CommandsQueueUrl", "CommandsDeadLetterQueueUrl"],
      ...["RunsQueueUrl", "RunsDeadLetterQueueUrl", "BatchesQueueUrl", "BatchesDeadLetterQueueUrl"],
      ...["RollbacksQueueUrl", "RollbacksDeadLetterQueueUrl"],
      ...FUNCTION_NAMES.map((name) => `${pascal(name)}FunctionName`),
      ...["RunRoleArn", "BatchRoleArn", "RollbackRoleArn"],
      ...[
        "AlarmTopicArn",
        "DashboardName",
        "ViewerPolicyArn",
        "OperatorPolicyArn",
        "ClusterAdminPolicyArn",
        "BackupImporterPolicyArn",
      ],
    ]);
    template.hasOutput("ClusterSecretPrefix", { Value: "CalicoMigrator/clusters/" });
  });

  test("tell the roles that reach clusters, whose names no deployment changes", () => {
    for (const name of ["Run", "Batch", "Rollback"]) {
      const id = logicalId("AWS::IAM::Role", `Functions${name}Role`);
      template.hasOutput(`${name}RoleArn`, { Value: { "Fn::GetAtt": [id, "Arn"] } });
      template.hasResourceProperties("AWS::IAM::Role", {
        RoleName: { "Fn::Join": ["", ["CalicoMigrator-", { Ref: "AWS::Region" }, `-${name.toLowerCase()}`]] },
      });
    }
    // A name of IAM has at most 64 characters, of them 40 at most for the stack and 14 for the region.
    assert.ok(40 + "-ap-southeast-1-rollback".length <= 64);
  });
});

describe("the whole template", () => {
  test("changes only when that is meant", (t) => {
    t.assert.snapshot(template.toJSON());
  });
});

function denyWithoutTls(action: string): object {
  return {
    Statement: Match.arrayWith([
      Match.objectLike({
        Effect: "Deny",
        Action: action,
        Principal: { AWS: "*" },
        Condition: { Bool: { "aws:SecureTransport": "false" } },
      }),
    ]),
  };
}

const WithVariables = z.object({
  Properties: z.object({ Environment: z.object({ Variables: z.record(z.string(), z.unknown()) }) }),
});

function variablesOf(from: typeof template, name: string): string[] {
  const functions = Object.entries(from.findResources("AWS::Lambda::Function"));
  const found = functions.find(([id]) => id.startsWith(`Functions${pascal(name)}Function`));
  return Object.keys(WithVariables.parse(found?.[1]).Properties.Environment.Variables);
}
