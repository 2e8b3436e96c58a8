import type { LocalStack } from "../harness/localstack/index.ts";

/** Sends one request to LocalStack, which looks at the scope of a signature and not at the signature. */
export async function askLocalStack(
  { endpoint, region }: LocalStack,
  service: "lambda" | "logs",
  { method, path, headers, body }: { method: string; path: string; headers?: object; body?: object },
): Promise<unknown> {
  const scope = `Credential=test/20260101/${region}/${service}/aws4_request`;
  const authorization = `AWS4-HMAC-SHA256 ${scope}, SignedHeaders=host, Signature=0`;
  const response = await fetch(`${endpoint}${path}`, {
    method,
    headers: { authorization, "content-type": "application/json", ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer: unknown = await response.json();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
}
