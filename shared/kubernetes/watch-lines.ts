import { KubernetesApiError } from "./errors.ts";

const NEWLINE = 0x0a;
/** An event holds one object; etcd takes 1.5 MiB of each, which may be written out at greater length. */
const MAX_LINE_BYTES = 16 * 1024 * 1024;

/**
 * Cuts a stream of bytes into its lines and gives each whole one to `take`, until that returns false. What follows the
 * last newline is no line: a stream that ends there was cut off.
 */
export class LineReader {
  readonly #take: (line: string) => boolean;
  readonly #maxBytes: number;
  #rest: Buffer[] = [];
  #bytes = 0;
  #failure: unknown;
  #failed = false;

  /** `maxBytes`: the longest line; KUBERNETES_ANSWER_TOO_LARGE is kept for a longer one. */
  constructor(take: (line: string) => boolean, maxBytes = MAX_LINE_BYTES) {
    this.#take = take;
    this.#maxBytes = maxBytes;
  }

  /** Takes the next bytes; false when no more are wanted. Never throws: what `take` throws is kept for `throwFailure`. */
  add(part: Buffer): boolean {
    let from = 0;
    for (let end = part.indexOf(NEWLINE); end >= 0; end = part.indexOf(NEWLINE, from)) {
      const line = this.#line(part.subarray(from, end));
      if (line !== "" && !this.#give(line)) return false;
      from = end + 1;
    }
    return this.#keep(part.subarray(from));
  }

  /** Throws what `take` has thrown. */
  throwFailure(): void {
    if (this.#failed) throw this.#failure;
  }

  #keep(rest: Buffer): boolean {
    this.#bytes += rest.length;
    if (rest.length > 0) this.#rest.push(rest);
    if (this.#bytes <= this.#maxBytes) return true;
    this.#failure = tooLong(this.#maxBytes);
    this.#failed = true;
    return false;
  }

  /** Decoded whole, as a part may end in the middle of a character. */
  #line(end: Buffer): string {
    if (this.#rest.length === 0) return end.toString("utf8");
    const whole = Buffer.concat([...this.#rest, end]);
    this.#rest = [];
    this.#bytes = 0;
    return whole.toString("utf8");
  }

  #give(line: string): boolean {
    try {
      return this.#take(line);
    } catch (error) {
      this.#failure = error;
      this.#failed = true;
      return false;
    }
  }
}

function tooLong(maxBytes: number): KubernetesApiError {
  return new KubernetesApiError(
    "KUBERNETES_ANSWER_TOO_LARGE",
    `an event of a watch has more than ${maxBytes} bytes, and was not read to its end`,
    { next: "Check that the kubeconfig's server is a Kubernetes API server." },
  );
}
