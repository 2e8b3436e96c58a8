import { Duplex } from "node:stream";
import { MigratorError } from "../errors.ts";

/** How long to wait for each message of a stream, and what may end the waiting early. */
export interface StreamWait {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

interface Cancellable {
  cancel(): void;
}

/**
 * The messages of a gRPC stream, taken from it only as fast as they are consumed. Whatever ends the reading also ends
 * the call. Throws ETCD_TIMEOUT when a message is late, the signal's reason when aborted, and the stream's own error.
 */
export async function* readStream<T>(stream: Cancellable, wait: StreamWait): AsyncGenerator<T, void> {
  if (!(stream instanceof Duplex)) throw new TypeError("a gRPC stream is expected");
  const stop = (reason: Error) => {
    cancel(stream);
    stream.destroy(reason);
  };
  const onAbort = () => {
    stop(new Error("aborted"));
  };
  wait.signal?.addEventListener("abort", onAbort, { once: true });
  const messages = stream[Symbol.asyncIterator]() as AsyncIterator<T, undefined>;
  try {
    for (;;) {
      wait.signal?.throwIfAborted();
      const timer = setTimeout(() => {
        stop(late(wait.timeoutMs));
      }, wait.timeoutMs);
      const { done, value } = await messages.next().finally(() => {
        clearTimeout(timer);
      });
      if (done === true) return;
      yield value;
    }
  } catch (error) {
    wait.signal?.throwIfAborted();
    throw error;
  } finally {
    wait.signal?.removeEventListener("abort", onAbort);
    stream.end();
    cancel(stream);
    stream.destroy();
  }
}

/** Ends the call itself: gRPC's streams do not do so when they are destroyed. */
function cancel(stream: Cancellable & Duplex): void {
  // The cancelled call reports its end as an error, to nobody's interest.
  stream.on("error", () => undefined);
  stream.cancel();
}

function late(timeoutMs: number): MigratorError {
  return new MigratorError("ETCD_TIMEOUT", `etcd sent nothing for ${timeoutMs} ms`, {
    next: "Try again; if it lasts, look at the health of the etcd cluster.",
    retryable: true,
  });
}
