import { readFileSync } from "node:fs";
import { join } from "node:path";
import { App, type AppProps } from "aws-cdk-lib";
import { Template } from "aws-cdk-lib/assertions";
import { Code } from "aws-cdk-lib/aws-lambda";
import { z } from "zod";
import type { FunctionCode } from "../constructs/functions.ts";
import { parseStackConfig, type StackSettings } from "../props.ts";
import { MigratorStack } from "../stack.ts";

const CdkJson = z.object({ context: z.record(z.string(), z.unknown()) });

/** The feature flags that the app runs with. */
export const FLAGS = CdkJson.parse(
  JSON.parse(readFileSync(join(import.meta.dirname, "../../cdk.json"), "utf8")),
).context;

/** Leaves out what takes CDK seconds and no template shows. */
const QUICK = {
  stackTraces: false,
  treeMetadata: false,
  analyticsReporting: false,
  builtinCloudFormationValidation: false,
};

const NO_CODE: FunctionCode = () => Code.fromInline("export const handler = () => {};");

/** The app with a stack of these settings; without `code`, its functions do nothing. */
export function testApp(
  settings: StackSettings = {},
  { code = NO_CODE, ...props }: AppProps & { code?: FunctionCode } = {},
): { app: App; stack: MigratorStack } {
  const app = new App({ context: FLAGS, ...QUICK, ...props });
  return { app, stack: new MigratorStack(app, parseStackConfig(settings), code) };
}

/** The template of a stack with these settings. */
export function synthesized(settings: StackSettings = {}): Template {
  return Template.fromStack(testApp(settings).stack);
}

/** Settings that use every part of the stack that is optional. */
export const EVERYTHING: StackSettings = {
  stackName: "Everything",
  vpcId: "vpc-0123456789abcdef0",
  subnetIds: ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
  alarmEmail: "operations@example.org",
  artifactRetentionDays: 400,
  allowedServers: [".eks.amazonaws.com"],
  clusterRoleArns: ["arn:aws:iam::111122223333:role/clusters"],
  rollbackAlarms: [
    { alarmArn: "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:PodsUnreachable", cluster: "east" },
  ],
};
