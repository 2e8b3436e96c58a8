import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { MigratorError } from "../shared/errors.ts";
import { configFromContext } from "./context.ts";
import { parseStackConfig, queueVisibilitySeconds } from "./props.ts";

function problemsOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof MigratorError, String(error));
    assert.equal(error.code, "CONFIG_INVALID");
    return error.message;
  }
  assert.fail("nothing was refused");
}

describe("parseStackConfig", () => {
  test("needs no settings at all, and keeps data by default", () => {
    const config = parseStackConfig({});
    assert.equal(config.stackName, "CalicoMigrator");
    assert.equal(config.removalPolicy, "retain");
    assert.equal(config.deletionProtection, true);
    assert.equal(config.allowLoopbackServers, false);
  });

  test("the queues hide a message for six times a function's timeout", () => {
    assert.equal(queueVisibilitySeconds(parseStackConfig({ functionTimeoutSeconds: 90 })), 540);
  });

  const refusals: [settings: Record<string, unknown>, names: RegExp][] = [
    [{ batchConcurrency: 1 }, /batchConcurrency \(1\).*2/],
    [{ runConcurrency: 1001 }, /runConcurrency \(1001\).*1000/],
    [{ rollbackConcurrency: 2.5 }, /rollbackConcurrency \(2\.5\)/],
    [{ maxReceiveCount: 4 }, /maxReceiveCount \(4\).*5/],
    [{ kmsKeyArn: "alias/mine" }, /kmsKeyArn \("alias\/mine"\).*arn:aws:kms:/],
    [{ alarmTopicArn: "operations" }, /alarmTopicArn \("operations"\).*arn:aws:sns:/],
    [{ alarmEmail: "nobody" }, /alarmEmail \("nobody"\).*e-mail/],
    [{ logRetentionDays: 42 }, /logRetentionDays \(42\).*one of 1, 3, 5/],
    [{ logLevel: "info" }, /logLevel \("info"\).*INFO/],
    [{ stackName: "my stack" }, /stackName \("my stack"\)/],
    [{ subnetIds: ["subnet-1"] }, /subnetIds\.0 \("subnet-1"\).*subnet-0123/],
    [{ subnetIds: ["subnet-0123456789abcdef0"] }, /subnetIds .* together with securityGroupIds or vpcId/],
    [{ securityGroupIds: ["sg-0123456789abcdef0"] }, /subnetIds .* together with/],
    [
      { alarmEmail: "a@example.org", alarmTopicArn: "arn:aws:sns:eu-central-1:111122223333:t" },
      /alarmEmail .* left out where alarmTopicArn/,
    ],
    [{ messageVisibilitySeconds: 181, functionTimeoutSeconds: 30 }, /messageVisibilitySeconds \(181\)/],
    [{ removalPolicy: "destroy" }, /deletionProtection \(true\) must be false/],
    [{ rollbackAlarms: [{ alarmArn: "x", cluster: "east" }] }, /rollbackAlarms\.0\.alarmArn \("x"\)/],
    [{ batchConcurency: 3 }, /batchConcurency is no setting.*batchConcurrency/],
  ];
  for (const [settings, names] of refusals) {
    test(`refuses ${JSON.stringify(settings)}, naming field, value and what would be right`, () => {
      assert.match(
        problemsOf(() => parseStackConfig(settings)),
        names,
      );
    });
  }

  test("is taken once the named fields are corrected", () => {
    const next =
      "Correct the named fields in the file of `-c config=FILE`, or the `-c NAME=VALUE` of the command line.";
    assert.throws(() => parseStackConfig({ historyDays: 0 }), { code: "CONFIG_INVALID", next });
    assert.equal(parseStackConfig({ historyDays: 30 }).historyDays, 30);
  });

  test("names every wrong field at once", () => {
    assert.match(
      problemsOf(() => parseStackConfig({ historyDays: 0, memoryMb: 1 })),
      /historyDays.*memoryMb/,
    );
  });
});

describe("configFromContext", () => {
  const folder = mkdtempSync(join(tmpdir(), "stack-config-"));
  after(() => {
    rmSync(folder, { recursive: true });
  });
  const file = (name: string, text: string): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  test("reads YAML and JSON files, which single settings overrule", () => {
    const yaml = file("a.yaml", "historyDays: 7\nallowedServers: [a.example, b.example]\n");
    const json = file("b.json", '{"historyDays": 8}');
    assert.deepEqual(configFromContext({ config: yaml }).allowedServers, ["a.example", "b.example"]);
    assert.equal(configFromContext({ config: json }).historyDays, 8);
    assert.equal(configFromContext({ config: json, historyDays: "9" }).historyDays, 9);
  });

  test("takes numbers, truth values and lists from the command line's text", () => {
    const config = configFromContext({
      batchConcurrency: "20",
      deletionProtection: "false",
      allowedServers: "a.example, b.example",
      kmsKeyArn: "arn:aws:kms:eu-central-1:111122223333:key/1",
    });
    assert.equal(config.batchConcurrency, 20);
    assert.equal(config.deletionProtection, false);
    assert.deepEqual(config.allowedServers, ["a.example", "b.example"]);
  });

  test("leaves CDK's own context alone, and refuses a setting that is misspelt", () => {
    assert.equal(configFromContext({ "@aws-cdk/x:y": true, "aws:cdk:z": 1 }).stackName, "CalicoMigrator");
    assert.match(
      problemsOf(() => configFromContext({ historyDay: "9" })),
      /historyDay is no setting/,
    );
  });

  test("names a file that cannot be read or holds no settings", () => {
    assert.match(
      problemsOf(() => configFromContext({ config: join(folder, "none") })),
      /none/,
    );
    assert.match(
      problemsOf(() => configFromContext({ config: file("c.yaml", "- 1") })),
      /c\.yaml.*object/,
    );
  });
});
