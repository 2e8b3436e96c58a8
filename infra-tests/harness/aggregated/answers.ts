import type { ServerResponse } from "node:http";
import type { JsonObject } from "../../../shared/json.ts";

/** A status code and the body that goes with it. */
export interface Answer {
  status: number;
  body: JsonObject;
}

const REASONS: Readonly<Record<number, string>> = {
  400: "BadRequest",
  404: "NotFound",
  405: "MethodNotAllowed",
  409: "Conflict",
  415: "UnsupportedMediaType",
  422: "Invalid",
  500: "InternalError",
};

/** A failure as Kubernetes words it. */
export function failure(status: number, message: string): Answer {
  const reason = REASONS[status] ?? "Unknown";
  const body = {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message,
    reason,
    code: status,
  };
  return { status, body };
}

/** Sends an answer as JSON. */
export function send(to: ServerResponse, { status, body }: Answer): void {
  to.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}
