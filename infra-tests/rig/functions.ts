import { z } from "zod";
import { DUTIES } from "../../cdk/function-table.ts";
import type { LocalStack } from "../harness/localstack/index.ts";
import { waitUntil } from "../harness/wait.ts";
import { askLocalStack } from "./emulated-api.ts";

const FUNCTIONS = "/2015-03-31/functions/";

const Configuration = z.object({
  FunctionName: z.string(),
  Description: z.string().default(""),
  Environment: z.object({ Variables: z.record(z.string(), z.string()) }),
  LastUpdateStatus: z.string().optional(),
});
const Listed = z.object({ Functions: z.array(Configuration) });

/** A function of the deployed stack that works on runs. */
export interface WorkerFunction {
  duty: "run" | "batch" | "rollback";
  name: string;
  logGroup: string;
}

/** Makes the functions that work on runs speak to DynamoDB at another endpoint, from their next invocation on. */
export async function redirectDynamoDb(localStack: LocalStack, endpoint: string): Promise<WorkerFunction[]> {
  const found = Listed.parse(await askLocalStack(localStack, "lambda", { method: "GET", path: FUNCTIONS }));
  const workers = found.Functions.flatMap((configuration) => {
    const duty = dutyOf(configuration.Description);
    return duty === undefined ? [] : [{ duty, configuration }];
  });
  for (const { configuration } of workers) await redirect(localStack, configuration, endpoint);
  return workers.map(({ duty, configuration: { FunctionName: name } }) => ({
    duty,
    name,
    // LocalStack writes there, whichever group the function names.
    logGroup: `/aws/lambda/${name}`,
  }));
}

async function redirect(
  localStack: LocalStack,
  { FunctionName, Environment }: z.infer<typeof Configuration>,
  endpoint: string,
): Promise<void> {
  const path = `${FUNCTIONS}${FunctionName}/configuration`;
  const variables = { ...Environment.Variables, AWS_ENDPOINT_URL_DYNAMODB: endpoint };
  const body = { Environment: { Variables: variables } };
  await askLocalStack(localStack, "lambda", { method: "PUT", path, body });
  await waitUntil({ what: `${FunctionName} is updated`, timeoutMs: 60_000 }, async () => {
    const now = Configuration.parse(await askLocalStack(localStack, "lambda", { method: "GET", path }));
    return now.LastUpdateStatus === "Successful";
  });
}

function dutyOf(description: string): WorkerFunction["duty"] | undefined {
  return (["run", "batch", "rollback"] as const).find((name) => DUTIES[name].description === description);
}
