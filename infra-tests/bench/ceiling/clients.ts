import { type ClientHttp2Session, connect } from "node:http2";
import { type Dispatcher, Pool } from "undici";
import type { Write } from "./writes.ts";

/** How to reach an API server with a token. */
export interface Server {
  origin: string;
  ca: string;
  token: string;
}

/** Sends writes as fast as a client in Node can: answers are read, and looked at only for their status. */
export interface RawClient {
  /** Throws an Error for any status that is not 2xx. */
  send(write: Write): Promise<void>;
  close(): Promise<void>;
}

/** The ways to send that compete for being the ceiling. */
export const CONTENDERS = ["undici-16", "undici-32", "http2-32"] as const;
export type Contender = (typeof CONTENDERS)[number];

/** How many requests a contender has in flight. */
export function widthOf(contender: Contender): number {
  return contender === "undici-16" ? 16 : 32;
}

/** Opens a contender's client; connections are made on first use. */
export function openClient(contender: Contender, server: Server): RawClient {
  return contender === "http2-32" ? http2Client(server) : undiciClient(server, widthOf(contender));
}

function undiciClient({ origin, ca, token }: Server, connections: number): RawClient {
  const pool = new Pool(origin, { connections, pipelining: 1, connect: { ca } });
  const authorization = `Bearer ${token}`;
  return {
    send: ({ method, path, contentType, body }) =>
      new Promise((resolve, reject) => {
        const headers = { authorization, accept: "application/json", "content-type": contentType };
        pool.dispatch({ method, path, headers, body: JSON.stringify(body) }, handler(path, resolve, reject));
      }),
    close: () => pool.destroy(),
  };
}

function handler(
  path: string,
  resolve: () => void,
  reject: (error: Error) => void,
): Dispatcher.DispatchHandler {
  let status = 0;
  let answer = "";
  return {
    // undici takes an object without it for a handler of its older form.
    onRequestStart: () => undefined,
    onResponseStart: (_controller, statusCode) => {
      status = statusCode;
    },
    onResponseData: (_controller, chunk) => {
      if (status >= 300) answer += chunk.toString();
    },
    onResponseEnd: () => {
      if (status < 300) resolve();
      else reject(refused(path, status, answer));
    },
    onResponseError: (_controller, error) => {
      reject(error);
    },
  };
}

function http2Client({ origin, ca, token }: Server): RawClient {
  const session = connect(origin, { ca });
  // Every request under way fails with it.
  session.on("error", () => undefined);
  const authorization = `Bearer ${token}`;
  return {
    send: (write) => http2Send(session, authorization, write),
    close: () =>
      new Promise((resolve) => {
        session.close(resolve);
      }),
  };
}

function http2Send(
  session: ClientHttp2Session,
  authorization: string,
  { method, path, contentType, body }: Write,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ":method": method,
      ":path": path,
      authorization,
      accept: "application/json",
      "content-type": contentType,
    });
    let status = 0;
    let answer = "";
    stream.on("response", (headers) => {
      status = headers[":status"] ?? 0;
    });
    stream.on("data", (chunk: Buffer) => {
      if (status >= 300) answer += chunk.toString();
    });
    stream.on("error", reject);
    stream.on("end", () => {
      if (status >= 200 && status < 300) resolve();
      else reject(refused(path, status, answer));
    });
    stream.end(JSON.stringify(body));
  });
}

function refused(path: string, status: number, answer: string): Error {
  return new Error(`${path}: ${status} ${answer.slice(0, 300)}`);
}
