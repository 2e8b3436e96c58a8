import { randomUUID } from "node:crypto";

/** Names this environment of the function in leases. */
export function holderName(): string {
  return `${process.env["AWS_LAMBDA_FUNCTION_NAME"] ?? "function"}/${randomUUID()}`;
}
