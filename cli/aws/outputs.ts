import { type CloudFormationClient, DescribeStacksCommand, type Stack } from "@aws-sdk/client-cloudformation";
import { z } from "zod";
import { MigratorError } from "../../shared/errors.ts";

/** What of a stack's outputs the command line needs. */
const StackOutputs = z.object({
  TableName: z.string().min(1),
  ArtifactBucketName: z.string().min(1),
  EventBusName: z.string().min(1),
  ClusterSecretPrefix: z.string().min(1),
  ClusterSecretKeyArn: z.string().min(1).optional(),
});
export type StackOutputs = z.infer<typeof StackOutputs>;

/** Reads a stack's outputs. Throws STACK_NOT_FOUND, STACK_NOT_READY and STACK_INCOMPLETE. */
export async function readOutputs(
  cloudFormation: CloudFormationClient,
  stackName: string,
): Promise<StackOutputs> {
  const stack = await describe(cloudFormation, stackName);
  const outputs = Object.fromEntries(
    (stack.Outputs ?? []).map((one) => [one.OutputKey ?? "", one.OutputValue]),
  );
  const parsed = StackOutputs.safeParse(outputs);
  if (parsed.success) return parsed.data;
  // A stack has no outputs until its first deployment is through.
  if (stack.Outputs === undefined || stack.Outputs.length === 0)
    throw notReady(stackName, stack.StackStatus ?? "");
  const missing = parsed.error.issues.map(({ path }) => path.map(String).join("."));
  throw new MigratorError(
    "STACK_INCOMPLETE",
    `the stack "${stackName}" has no output ${missing.join(", ")}: it is not, or an older, calico-migrator`,
    { next: "Deploy the stack of this version again, or name another one with --aws=STACK." },
  );
}

async function describe(cloudFormation: CloudFormationClient, stackName: string): Promise<Stack> {
  try {
    const { Stacks: [stack] = [] } = await cloudFormation.send(
      new DescribeStacksCommand({ StackName: stackName }),
    );
    if (stack !== undefined) return stack;
  } catch (error) {
    const missing =
      error instanceof Error && error.name === "ValidationError" && /does not exist/.test(error.message);
    if (!missing) throw error;
  }
  throw new MigratorError("STACK_NOT_FOUND", `there is no stack "${stackName}" in this account and region`, {
    next: "Check the account and --region, deploy the stack, or name another one with --aws=STACK (with the equals sign, where an argument follows).",
  });
}

function notReady(stackName: string, status: string): MigratorError {
  return new MigratorError("STACK_NOT_READY", `the stack "${stackName}" is not deployed yet (${status})`, {
    next: "Wait until its deployment is through, or look at its events.",
    retryable: true,
  });
}
