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

/** The client of the ceiling: sixteen connections of plain undici, of three that were tried the fastest. */
export const CEILING = "undici-16";
/** How many requests it has in flight. */
export const WIDTH = 16;

/** Opens the ceiling's client; connections are made on first use. */
export function openClient({ origin, ca, token }: Server): RawClient {
  const pool = new Pool(origin, { connections: WIDTH, pipelining: 1, connect: { ca } });
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

function refused(path: string, status: number, answer: string): Error {
  return new Error(`${path}: ${status} ${answer.slice(0, 300)}`);
}
