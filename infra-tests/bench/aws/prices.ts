/** What AWS asks for one thing that the service uses. */
export interface Price {
  /** What is billed, as tables call it. */
  item: string;
  /** US dollars for `per` of it. */
  usd: number;
  per: number;
}

/** When the prices were looked up. */
export const PRICES_DATE = "2026-11-21";

/** Which prices they are: list prices of the first tier, without free tiers, savings plans or taxes. */
export const PRICES_SOURCE =
  "the services' pricing pages and guides that repeat them; US East (N. Virginia), us-east-1; on-demand";

/**
 * List prices. DynamoDB: on-demand mode since its price was halved in November 2024, standard table class, a write unit
 * of 1 KB, a read unit of 4 KB read consistently. Lambda: arm64, duration rounded up to milliseconds. SQS: standard
 * queues, a request of up to 64 KB. EventBridge: custom events of up to 64 KB; what its rules match is free. S3: Standard.
 */
export const PRICES = {
  writeUnits: { item: "DynamoDB write units", usd: 0.625, per: 1_000_000 },
  readUnits: { item: "DynamoDB read units", usd: 0.125, per: 1_000_000 },
  invocations: { item: "Lambda invocations, one for each message", usd: 0.2, per: 1_000_000 },
  gigabyteSeconds: { item: "Lambda GB-seconds (arm64)", usd: 0.0000133334, per: 1 },
  queueRequests: { item: "SQS requests", usd: 0.4, per: 1_000_000 },
  events: { item: "EventBridge events", usd: 1, per: 1_000_000 },
  schedules: { item: "EventBridge Scheduler calls", usd: 1, per: 1_000_000 },
  objectWrites: { item: "S3 PUT, COPY, POST, LIST", usd: 0.005, per: 1_000 },
  objectReads: { item: "S3 GET and others", usd: 0.0004, per: 1_000 },
  secretReads: { item: "Secrets Manager calls", usd: 0.05, per: 10_000 },
  logGigabytes: { item: "CloudWatch Logs, GB taken in", usd: 0.5, per: 1 },
  traces: { item: "X-Ray traces, one for each invocation at most", usd: 5, per: 1_000_000 },
} as const satisfies Record<string, Price>;

export type Priced = keyof typeof PRICES;
