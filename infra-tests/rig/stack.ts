import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { bundledCode } from "../../cdk/bundles.ts";
import type { FunctionCode } from "../../cdk/constructs/functions.ts";
import type { StackSettings } from "../../cdk/props.ts";
import { testApp } from "../../cdk/testing/synthesized.ts";
import type { LocalStack } from "../harness/localstack/index.ts";
import { run } from "../harness/localstack/run.ts";
import { removeFolder, temporaryFolder } from "../harness/temporary-folder.ts";

/** A stack that was deployed for a test. */
export interface DeployedStack {
  readonly stackName: string;
  /** The stack's outputs by name. */
  readonly outputs: Readonly<Record<string, string>>;
  /** Removes the stack; what its buckets and table hold goes with LocalStack. */
  destroy(): Promise<void>;
}

const CDK = join(import.meta.dirname, "../../node_modules/aws-cdk/bin/cdk");

/** Stacks of tests go when they are told to, and their functions may reach servers on this machine. */
const TEST_SETTINGS: StackSettings = {
  removalPolicy: "destroy",
  deletionProtection: false,
  allowLoopbackServers: true,
  logLevel: "DEBUG",
};

let bundles: Promise<FunctionCode> | undefined;
const bootstrapped = new Map<string, Promise<void>>();

/**
 * Deploys the stack, synthesized from the sources, by CDK's own command line, under a name of its own. The functions
 * are bundled once for all stacks of this process.
 */
export async function deployStack(
  localStack: LocalStack,
  settings: StackSettings = {},
): Promise<DeployedStack> {
  const folder = temporaryFolder("cdk");
  const stackName = settings.stackName ?? `CalicoMigrator-${randomUUID().slice(0, 8)}`;
  bundles ??= bundledCode(temporaryFolder("bundles"));
  const outdir = join(folder, "cdk.out");
  const code = await bundles;
  testApp({ ...TEST_SETTINGS, ...settings, stackName }, { code, outdir }).app.synth();
  await bootstrap(localStack, folder, outdir);
  const outputsFile = join(folder, "outputs.json");
  const deploy = ["deploy", "--app", outdir, "--require-approval", "never", "--outputs-file", outputsFile];
  await cdk(localStack, folder, deploy);
  return {
    stackName,
    outputs: outputsIn(outputsFile, stackName),
    destroy: async () => {
      await cdk(localStack, folder, ["destroy", "--app", outdir, "--force"]);
      removeFolder(folder);
    },
  };
}

/** Once for each LocalStack: the bucket and roles that CDK deploys with. */
async function bootstrap(localStack: LocalStack, folder: string, outdir: string): Promise<void> {
  // Without an app that is synthesized already, CDK would synthesize the project's.
  const args = ["bootstrap", "--app", outdir, `aws://000000000000/${localStack.region}`];
  const started = bootstrapped.get(localStack.endpoint) ?? cdk(localStack, folder, args);
  bootstrapped.set(localStack.endpoint, started);
  await started;
}

async function cdk(localStack: LocalStack, folder: string, args: readonly string[]): Promise<void> {
  const home = join(folder, "home");
  mkdirSync(home, { recursive: true });
  const env = { ...localStack.env, HOME: home, CDK_DISABLE_CLI_TELEMETRY: "1" };
  const { status, stdout, stderr } = await run(process.execPath, [CDK, ...args, "--no-notices", "--ci"], env);
  if (status !== 0) throw new Error(`cdk ${args.join(" ")} failed:\n${stdout}\n${stderr}`);
}

const Outputs = z.record(z.string(), z.record(z.string(), z.string()));

function outputsIn(file: string, stackName: string): Record<string, string> {
  return Outputs.parse(JSON.parse(readFileSync(file, "utf8")))[stackName] ?? {};
}
