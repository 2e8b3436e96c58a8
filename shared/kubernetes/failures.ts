import { KubernetesApiError } from "./errors.ts";
import { describeSubject, requestSubject } from "./paths.ts";

/** A request that got no answer. */
export class TransportFailure extends Error {
  override readonly name = "TransportFailure";
  readonly kind: "connection" | "timeout" | "aborted" | "endless";
  /** True once the request may have reached the server. */
  readonly sent: boolean;

  constructor(kind: TransportFailure["kind"], sent: boolean, cause: unknown) {
    super(kind, { cause });
    this.kind = kind;
    this.sent = sent;
  }
}

interface Meaning {
  code: string;
  what: string;
  next: string;
  retryable: boolean;
}

const meanings = {
  timeout: {
    code: "KUBERNETES_TIMEOUT",
    what: "no answer in time",
    next: "Wait; if it goes on, look at the API server's load and the way to it.",
    retryable: true,
  },
  aborted: {
    code: "KUBERNETES_ABORTED",
    what: "stopped on request",
    next: "Resume when ready.",
    retryable: false,
  },
  endless: {
    code: "KUBERNETES_ANSWER_TOO_LARGE",
    what: "the answer is larger than any of an API server should be, and was not read to its end",
    next: "Check that the kubeconfig's server is a Kubernetes API server. If it is, see which objects of this kind are so large.",
    retryable: false,
  },
  tls: {
    code: "KUBERNETES_TLS",
    what: "no trusted TLS connection",
    next: "Check certificate-authority, tls-server-name and the client certificate in the kubeconfig.",
    retryable: false,
  },
  request: {
    code: "KUBERNETES_REQUEST_INVALID",
    what: "the request cannot be sent",
    next: "Check the credentials and the server URL in the kubeconfig for stray characters.",
    retryable: false,
  },
  lost: {
    code: "KUBERNETES_CONNECTION_LOST",
    what: "the connection broke before the answer came",
    next: "Try again once the API server answers.",
    retryable: true,
  },
  unreachable: {
    code: "KUBERNETES_UNREACHABLE",
    what: "the API server cannot be reached",
    next: "Check the server URL in the kubeconfig, the network, VPN or proxy, and that the API server runs.",
    retryable: true,
  },
} satisfies Record<string, Meaning>;

const certificateProblem =
  /^(CERT_|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|ERR_TLS_|ERR_SSL_|EPROTO|HOSTNAME_|INVALID_CA|ERR_OSSL)/;

function meaningOf(failure: TransportFailure): Meaning {
  if (failure.kind !== "connection") return meanings[failure.kind];
  const code = errorCode(failure.cause);
  if (certificateProblem.test(code)) return meanings.tls;
  if (code === "UND_ERR_INVALID_ARG") return meanings.request;
  return failure.sent ? meanings.lost : meanings.unreachable;
}

/** The error that a missing answer means to callers: a write that had been sent is marked `outcomeUnknown`. */
export function errorOfFailure(
  method: string,
  path: string,
  origin: string,
  failure: TransportFailure,
): KubernetesApiError {
  const { code, what, next, retryable } = meaningOf(failure);
  const subject = requestSubject(method, path);
  const why = failure.kind === "connection" ? `: ${reasonText(failure.cause)}` : "";
  return new KubernetesApiError(code, `${describeSubject(subject)}: ${what} (${origin})${why}`, {
    next,
    retryable,
    cause: failure.cause,
    outcomeUnknown: failure.sent && method !== "GET",
    details: { ...subject, server: origin },
  });
}

function errorCode(error: unknown): string {
  if (!(error instanceof Error)) return "";
  return "code" in error && typeof error.code === "string" ? error.code : "";
}

/** An AggregateError (one try per address of a name) has an empty message of its own. */
function reasonText(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return reasonText(error.errors[0]);
  if (!(error instanceof Error)) return "unknown";
  return error.message === "" ? errorCode(error) : error.message;
}
