import type { LocalStackOptions } from "./index.ts";

/** LocalStack's own settings, wherever it runs, with `port` as the one it serves on. */
export function localStackSettings(port: number, options: LocalStackOptions): Record<string, string> {
  return {
    GATEWAY_LISTEN: `127.0.0.1:${port}`,
    LOCALSTACK_HOST: `127.0.0.1:${port}`,
    DISABLE_EVENTS: "1",
    SKIP_SSL_CERT_DOWNLOAD: "1",
    DNS_ADDRESS: "0",
    LAMBDA_SYNCHRONOUS_CREATE: "1",
    LAMBDA_RETRY_BASE_DELAY: "1",
    LAMBDA_EVENT_SOURCE_MAPPING_POLL_INTERVAL_SEC: "0.01",
    LAMBDA_EVENT_SOURCE_MAPPING_MAX_BACKOFF_ON_EMPTY_POLL_SEC: "0.05",
    // The first provider sends streams through a mock of Kinesis that loses the first records.
    PROVIDER_OVERRIDE_DYNAMODB: "v2",
    DYNAMODB_IN_MEMORY: "1",
    // Else the URLs of queues carry a host name that nothing resolves.
    SQS_ENDPOINT_STRATEGY: "path",
    CALICO_SCHEDULER_SPEED: String(options.schedulerSpeed ?? 1),
  };
}
