import type { LocalStack } from "./index.ts";

/** What every LocalStack takes for valid credentials; the first is also the account's alias in its data. */
const CREDENTIALS = { accessKeyId: "test", secretAccessKey: "test" };
const REGION = "us-east-1";

/** The handle of a LocalStack that serves. */
export function localStackHandle(
  endpoint: string,
  origin: LocalStack["origin"],
  control: Pick<LocalStack, "stop" | "logs" | "dynamoDbEndpoint">,
): LocalStack {
  return {
    endpoint,
    region: REGION,
    credentials: CREDENTIALS,
    origin,
    env: {
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: REGION,
      AWS_DEFAULT_REGION: REGION,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    },
    ...control,
  };
}

/** True when a LocalStack answers at the endpoint. */
export async function isHealthy(endpoint: string): Promise<boolean> {
  const answer = await fetch(`${endpoint}/_localstack/health`, { signal: AbortSignal.timeout(2_000) });
  return answer.ok;
}
