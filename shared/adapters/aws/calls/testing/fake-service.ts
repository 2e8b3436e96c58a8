import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** A request as a service of AWS gets it. */
export interface ServiceRequest {
  /** The last part of the header X-Amz-Target, for services that have it. */
  operation: string;
  method: string;
  /** With the query, percent-encoded. */
  path: string;
  headers: IncomingMessage["headers"];
  body: Buffer;
}

/** Answers a request; `lost` closes the connection, after the first half of `body` if there is one; "silence" keeps it open, and `stopped` does after `body`. */
export type ServiceAnswer =
  | "silence"
  | { status?: number; headers?: Record<string, string>; body?: string | Uint8Array; stopped?: true }
  | { lost: true; headers?: Record<string, string>; body?: Uint8Array };

/** A service of AWS that a test plays, and what a client needs to use it. */
export interface FakeService extends AsyncDisposable {
  requests: ServiceRequest[];
  config: {
    endpoint: string;
    region: string;
    credentials: { accessKeyId: string; secretAccessKey: string };
    maxAttempts: number;
  };
}

/** Starts a service that gives these answers. */
export async function startFakeService(
  answer: (request: ServiceRequest) => ServiceAnswer,
): Promise<FakeService> {
  const requests: ServiceRequest[] = [];
  const server = createServer((incoming, response) => {
    void read(incoming).then((request) => {
      requests.push(request);
      respond(response, answer(request));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    requests,
    config: {
      endpoint: `http://127.0.0.1:${port}`,
      region: "eu-central-1",
      credentials: { accessKeyId: "test", secretAccessKey: "test" },
      maxAttempts: 2,
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** An error as the JSON protocols of AWS have it. */
export function jsonError(status: number, name: string): ServiceAnswer {
  return {
    status,
    headers: { "x-amzn-errortype": name },
    body: JSON.stringify({ __type: name, message: `a ${name}` }),
  };
}

async function read(incoming: IncomingMessage): Promise<ServiceRequest> {
  const { headers, method = "", url: path = "" } = incoming;
  const target = headers["x-amz-target"];
  const operation = typeof target === "string" ? target.slice(target.lastIndexOf(".") + 1) : "";
  return { operation, method, path, headers, body: await buffer(incoming) };
}

function respond(response: ServerResponse, answer: ServiceAnswer): void {
  if (answer === "silence") return;
  if (!("lost" in answer)) {
    response.writeHead(answer.status ?? 200, answer.headers);
    if (answer.stopped === true) response.write(answer.body);
    else response.end(answer.body);
    return;
  }
  const { body } = answer;
  if (body === undefined) {
    response.destroy();
    return;
  }
  response.writeHead(200, { ...answer.headers, "content-length": String(body.length) });
  response.write(body.subarray(0, body.length / 2), () => response.destroy());
}
