import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type App, Stack } from "aws-cdk-lib";
import { Queue } from "aws-cdk-lib/aws-sqs";
import { AwsSolutionsChecks, ServerlessChecks } from "cdk-nag";
import { EVERYTHING, FLAGS, testApp } from "./testing/synthesized.ts";

function findings(app: App): string[] {
  app.synth();
  return [new AwsSolutionsChecks(app), new ServerlessChecks(app)].flatMap((pack) =>
    pack
      .validateScope(app)
      .violations.flatMap(({ ruleName, violatingResources }) =>
        violatingResources.map(({ constructPath }) => `${ruleName} ${constructPath}`),
      ),
  );
}

describe("AWS's rules", () => {
  test("find nothing that is not acknowledged, with the defaults and with everything", () => {
    assert.deepEqual(findings(testApp().app), []);
    assert.deepEqual(findings(testApp(EVERYTHING).app), []);
  });

  test("find what is added without care", () => {
    const { app, stack } = testApp();
    new Queue(new Stack(app, "Careless"), "Bare");
    new Queue(stack, "Bare");
    const found = findings(app);
    for (const place of ["Careless/Bare", "CalicoMigrator/Bare"]) {
      for (const rule of ["AwsSolutions-SQS3", "AwsSolutions-SQS4", "Serverless-SQSRedrivePolicy"]) {
        assert.ok(found.includes(`${rule} ${place}/Resource`), `${rule} in ${place}: ${found.join("; ")}`);
      }
    }
  });

  test("CloudFormation's schema has no objection to the template", () => {
    const context = { ...FLAGS, "@aws-cdk/core:strictCfnValidateErrors": true };
    const { app } = testApp(EVERYTHING, { builtinCloudFormationValidation: true, context });
    assert.doesNotThrow(() => app.synth());
  });
});
