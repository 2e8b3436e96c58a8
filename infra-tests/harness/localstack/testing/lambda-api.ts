import { z } from "zod";
import { waitUntil } from "../../wait.ts";
import type { LocalStack } from "../index.ts";
import { zip } from "../zip.ts";

const ROLE = "arn:aws:iam::000000000000:role/test";
const MAPPINGS = "2015-03-31/event-source-mappings/";
const mapping = z.object({ UUID: z.string() });
const mappingList = z.object({ EventSourceMappings: z.array(mapping) });

/** A function to create: `code` is the text of index.mjs. */
export interface TestFunction {
  name: string;
  handler: string;
  code: string;
  timeoutSeconds?: number;
  env?: Record<string, string>;
}

/** What an invocation came to. */
export interface InvokeResult {
  payload: unknown;
  /** Set when the function failed. */
  error: string | null;
}

/** The few calls of the Lambda API that the tests of the test bed need. */
export interface LambdaApi {
  createFunction(fn: TestFunction): Promise<void>;
  invoke(name: string, event: unknown): Promise<InvokeResult>;
  /** Connects a queue to a function, with partial batch responses; returns the id of the mapping. */
  connectQueue(name: string, queueArn: string, maximumConcurrency?: number): Promise<string>;
  /** Removes the mapping and waits until LocalStack no longer knows it. */
  disconnectQueue(mapping: string): Promise<void>;
}

/** Speaks to LocalStack's Lambda API, which looks at the scope of a signature and not at the signature. */
export function lambdaApi({ endpoint, region }: LocalStack): LambdaApi {
  const authorization = `AWS4-HMAC-SHA256 Credential=test/20260101/${region}/lambda/aws4_request, SignedHeaders=host, Signature=0`;
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(`${endpoint}/${path}`, {
      method,
      headers: { authorization, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const payload: unknown = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(payload)}`);
    return { payload, error: response.headers.get("x-amz-function-error") };
  };
  return {
    createFunction: async (fn) => {
      await call("POST", "2015-03-31/functions", functionRequest(fn));
    },
    invoke: (name, event) => call("POST", `2015-03-31/functions/${name}/invocations`, event),
    connectQueue: async (name, queueArn, maximumConcurrency) => {
      const request = mappingRequest(name, queueArn, maximumConcurrency);
      const { payload } = await call("POST", MAPPINGS, request);
      return mapping.parse(payload).UUID;
    },
    disconnectQueue: async (id) => {
      await call("DELETE", `${MAPPINGS}${id}`);
      await waitUntil({ what: "the mapping is gone", timeoutMs: 60_000, intervalMs: 200 }, async () => {
        const { payload } = await call("GET", MAPPINGS);
        return !mappingList.parse(payload).EventSourceMappings.some(({ UUID }) => UUID === id);
      });
    },
  };
}

function functionRequest({ name, handler, code, timeoutSeconds, env }: TestFunction): unknown {
  return {
    FunctionName: name,
    Runtime: "nodejs24.x",
    Role: ROLE,
    Handler: handler,
    Timeout: timeoutSeconds ?? 5,
    MemorySize: 256,
    Environment: { Variables: env ?? {} },
    Code: { ZipFile: zip({ "index.mjs": code }).toString("base64") },
  };
}

function mappingRequest(name: string, queueArn: string, maximumConcurrency?: number): unknown {
  return {
    FunctionName: name,
    EventSourceArn: queueArn,
    BatchSize: 10,
    FunctionResponseTypes: ["ReportBatchItemFailures"],
    ...(maximumConcurrency === undefined
      ? {}
      : { ScalingConfig: { MaximumConcurrency: maximumConcurrency } }),
  };
}
