import { Agent, type IncomingHttpHeaders, request } from "node:http";

/** One event for the function, with what Lambda says beside it. */
export interface Invocation {
  requestId: string;
  /** The event as JSON. */
  payload: string;
  /** When the function must have ended, in epoch milliseconds. */
  deadlineMs: number;
  functionArn: string;
  traceId: string;
}

interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

const agent = new Agent({ keepAlive: true });

/** Waits for the next invocation. Rejects when the environment is being ended. */
export async function nextInvocation(): Promise<Invocation> {
  const { status, headers, body } = await call("GET", "invocation/next");
  if (status !== 200) throw new Error(`the Runtime API answered ${status}`);
  const header = (name: string) => String(headers[`lambda-runtime-${name}`] ?? "");
  return {
    requestId: header("aws-request-id"),
    payload: body,
    deadlineMs: Number(header("deadline-ms")),
    functionArn: header("invoked-function-arn"),
    traceId: header("trace-id"),
  };
}

/** Tells the Runtime API a result or an error; `path` is below /2018-06-01/runtime/. */
export async function report(path: string, body: string): Promise<void> {
  await call("POST", path, body);
}

// node:http and not fetch, whose connections break a wait of more than five minutes.
function call(method: string, path: string, body = ""): Promise<Reply> {
  const url = `http://${process.env["AWS_LAMBDA_RUNTIME_API"] ?? ""}/2018-06-01/runtime/${path}`;
  return new Promise((resolve, reject) => {
    const headers = { "content-length": Buffer.byteLength(body) };
    const outgoing = request(url, { method, agent, headers }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.once("error", reject);
      response.once("end", () => {
        const text = Buffer.concat(chunks).toString("utf8");
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: text });
      });
    });
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}
