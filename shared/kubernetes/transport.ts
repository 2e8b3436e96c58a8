import type { Dispatcher } from "undici";
import type { RawAnswer } from "./answers.ts";
import { TransportFailure } from "./failures.ts";

/** Where requests go and what authenticates them. */
export interface Line {
  readonly dispatcher: Dispatcher;
  /** Connections of their own for what mostly waits, so that it does not hold up the requests of others. */
  readonly waiting: Dispatcher;
  readonly origin: string;
  /** What stands before every path, for servers behind a path of a gateway. */
  readonly prefix: string;
  readonly headers: Readonly<Record<string, string | string[]>>;
}

/** Far more than a page of Calico's largest objects; what goes on longer would fill the memory. */
export const MAX_ANSWER_BYTES = 128 * 1024 * 1024;

/** One HTTP request, serialised. */
export interface RawRequest {
  method: Dispatcher.HttpMethod;
  /** With the query string. */
  path: string;
  headers: Record<string, string>;
  body: string | null;
  timeoutMs: number;
  signal: AbortSignal | undefined;
  /** The most bytes of an answer that is collected. Default {@link MAX_ANSWER_BYTES}. */
  maxBytes?: number;
  /** True for what the server answers only when something has happened. */
  waits: boolean;
  /**
   * Takes the parts of a 200 answer as they come, instead of having them collected; the answer's text is then empty.
   * Returns false when it has enough: the rest is not read. Must not throw.
   */
  sink?: (part: Buffer) => boolean;
}

/**
 * Sends one request and collects the whole answer. Rejects with a TransportFailure that says whether the request had
 * left this machine. Uses undici's dispatch rather than its request: without a stream per answer it costs about half.
 */
export function exchange(line: Line, request: RawRequest): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const handler = new Exchange(request, resolve, reject);
    if (handler.settled) return;
    const dispatcher = request.waits ? line.waiting : line.dispatcher;
    dispatcher.dispatch(
      {
        origin: line.origin,
        path: line.prefix + request.path,
        method: request.method,
        headers: { ...line.headers, ...request.headers },
        body: request.body,
        // The exchange has one timer of its own for all of it, waiting for a connection included.
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      handler,
    );
  });
}

class Exchange implements Dispatcher.DispatchHandler {
  settled = false;
  readonly #resolve: (answer: RawAnswer) => void;
  readonly #reject: (failure: TransportFailure) => void;
  readonly #signal: AbortSignal | undefined;
  readonly #sink: RawRequest["sink"];
  readonly #timer: NodeJS.Timeout | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #retryAfter: string | undefined;
  readonly #chunks: Buffer[] = [];
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(
    request: RawRequest,
    resolve: (answer: RawAnswer) => void,
    reject: (failure: TransportFailure) => void,
  ) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#signal = request.signal;
    this.#sink = request.sink;
    this.#maxBytes = request.maxBytes ?? MAX_ANSWER_BYTES;
    if (request.signal?.aborted === true) {
      this.#onAbort();
      return;
    }
    request.signal?.addEventListener("abort", this.#onAbort, { once: true });
    this.#timer = setTimeout(() => {
      this.#cancel("timeout", new Error(`no answer within ${request.timeoutMs} ms`));
    }, request.timeoutMs);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // A request that was cancelled while it waited for a connection must not be sent after all.
    if (this.settled) controller.abort(new Error("cancelled before it was sent"));
    else this.#controller = controller;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    this.#status = status;
    const retryAfter = headers["retry-after"];
    if (typeof retryAfter === "string") this.#retryAfter = retryAfter;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#sink === undefined || this.#status !== 200) {
      this.#bytes += chunk.length;
      if (this.#bytes > this.#maxBytes) this.#cancel("endless", new Error("too many bytes"));
      else this.#chunks.push(chunk);
    } else if (!this.settled && !this.#sink(chunk)) {
      this.onResponseEnd();
      controller.abort(new Error("enough was read"));
    }
  }

  onResponseEnd(): void {
    if (this.settled) return;
    this.#settle();
    const [first] = this.#chunks;
    const whole = this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks);
    this.#resolve({ status: this.#status, retryAfter: this.#retryAfter, text: whole.toString("utf8") });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#fail(new TransportFailure("connection", this.#controller !== undefined, error));
  }

  readonly #onAbort = (): void => {
    this.#cancel("aborted", this.#signal?.reason);
  };

  #cancel(kind: Exclude<TransportFailure["kind"], "connection">, cause: unknown): void {
    this.#fail(new TransportFailure(kind, this.#controller !== undefined, cause));
    this.#controller?.abort(new Error(kind));
  }

  #fail(failure: TransportFailure): void {
    if (this.settled) return;
    this.#settle();
    this.#reject(failure);
  }

  #settle(): void {
    this.settled = true;
    clearTimeout(this.#timer);
    this.#signal?.removeEventListener("abort", this.#onAbort);
  }
}
