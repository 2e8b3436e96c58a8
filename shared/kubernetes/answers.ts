import { isJsonObject, type JsonObject } from "../json.ts";
import { type FieldCause, KubernetesApiError } from "./errors.ts";
import { objectAt, objectsAt, textAt } from "./fields.ts";
import { describeSubject, requestSubject, type RequestSubject } from "./paths.ts";

/** An HTTP answer as received. */
export interface RawAnswer {
  status: number;
  /** The Retry-After header, if any. */
  retryAfter: string | undefined;
  text: string;
}

interface Verdict {
  code: string;
  what: string;
  next: string;
  retryable?: boolean;
}

const tryLater = "Wait; if it goes on, look at the API server's health and log.";

/**
 * What etcd says of an object that is larger than its own limit, or the API server's client of it, told as a failure of the
 * server: no later try will do better. (etcd, api/v3rpc/rpctypes; grpc, rpc_util.go)
 */
const TOO_LARGE = /etcdserver: request is too large|trying to send message larger than max/;
const tooLarge: Verdict = {
  code: "KUBERNETES_TOO_LARGE",
  what: "the object is too large",
  next: "Make the object smaller, or split it: etcd takes 1.5 MiB in a write, unless its --max-request-bytes says otherwise.",
};

const verdicts: Record<number, Verdict> = {
  401: {
    code: "KUBERNETES_UNAUTHORIZED",
    what: "the API server does not accept the credentials",
    next: "Renew the token, certificate or exec plugin that the kubeconfig's user names.",
  },
  403: {
    code: "KUBERNETES_FORBIDDEN",
    what: "not allowed",
    next: "Grant this verb on this resource to the kubeconfig's user, or use another context.",
  },
  404: {
    code: "KUBERNETES_NOT_FOUND",
    what: "not found",
    next: "Check the name, the namespace, and that the resource's CustomResourceDefinition is installed.",
  },
  409: {
    code: "KUBERNETES_CONFLICT",
    what: "the object was changed or is owned by someone else",
    next: "See who else writes to it (its managedFields name them) and stop that; then `resume`, or run the command again.",
  },
  410: {
    code: "KUBERNETES_EXPIRED",
    what: "the requested version is no longer kept",
    next: "`resume`, or run the command again: it is listed anew.",
  },
  413: tooLarge,
  422: {
    code: "KUBERNETES_INVALID",
    what: "the object is not valid",
    next: "Correct the fields named in the message.",
  },
  429: {
    code: "KUBERNETES_TOO_MANY_REQUESTS",
    what: "the API server asks for fewer requests",
    next: "Wait, then `resume` with a smaller --concurrency.",
    retryable: true,
  },
  504: {
    code: "KUBERNETES_TIMEOUT",
    what: "the API server did not finish in time",
    next: tryLater,
    retryable: true,
  },
};

const alreadyExists: Verdict = {
  code: "KUBERNETES_ALREADY_EXISTS",
  what: "it exists already",
  next: "Look at the object that is there. Delete it where nobody wants it, then `resume`, or run the command again.",
};

/** An admission policy whose `paramKind` the API server has not discovered yet, as for half a minute after its own restart. */
const admissionNotReady: Verdict = {
  code: "KUBERNETES_ADMISSION_NOT_READY",
  what: "an admission policy cannot be evaluated yet",
  next: "Wait a minute; if it goes on, see that the kind exists which the policy names as its paramKind.",
  retryable: true,
};

/** A policy or a webhook of the cluster has judged the write, whatever status it gave. */
const admissionDenied: Verdict = {
  code: "KUBERNETES_ADMISSION_DENIED",
  what: "an admission policy or webhook of the cluster denies it",
  next: "Let the policy or webhook that the message names leave out the migration's user or this object until the migration is done.",
};
/** (kubernetes, staging/src/k8s.io/apiserver/pkg/admission/plugin: policy/validating, webhook/errors) */
const DENIAL = /ValidatingAdmissionPolicy '[^']+' with binding|admission webhook "[^"]+" denied the request/;

/**
 * Refusals that are also answered with 403 although no right is missing. (kubernetes, plugin: namespace/lifecycle,
 * resourcequota)
 */
const REFUSALS: readonly (Verdict & { says: RegExp })[] = [
  {
    says: /because it is being terminated/,
    code: "KUBERNETES_NAMESPACE_TERMINATING",
    what: "its namespace is being deleted",
    next: "Let the deletion of the namespace end: see what its finalizers and conditions wait for.",
  },
  {
    says: /exceeded quota:/,
    code: "KUBERNETES_QUOTA_EXCEEDED",
    what: "a quota of its namespace forbids it",
    next: "Raise the ResourceQuota that the message names, or delete it until the migration is done.",
  },
];

/** (kubernetes, staging/src/k8s.io/apiserver/pkg/admission/plugin/policy/generic) */
const UNKNOWN_PARAM_KIND = /failed to find resource referenced by paramKind/;

function verdictOf(status: number, reason: string, message: string): Verdict {
  if (reason === "AlreadyExists") return alreadyExists;
  if (status === 403 && UNKNOWN_PARAM_KIND.test(message)) return admissionNotReady;
  const refusal = status === 403 ? REFUSALS.find(({ says }) => says.test(message)) : undefined;
  if (refusal !== undefined) return refusal;
  if (status >= 400 && status < 500 && DENIAL.test(message)) return admissionDenied;
  if (status >= 500 && TOO_LARGE.test(message)) return tooLarge;
  const verdict = verdicts[status];
  if (verdict !== undefined) return verdict;
  if (status >= 500) {
    return {
      code: "KUBERNETES_SERVER_ERROR",
      what: "the API server failed",
      next: tryLater,
      retryable: true,
    };
  }
  return {
    code: "KUBERNETES_BAD_REQUEST",
    what: "the API server does not understand the request",
    next: "Check that the object and its apiVersion fit the cluster's version.",
  };
}

/**
 * The error that an answer outside 2xx means. Server failures of writes are marked `outcomeUnknown`, because etcd may have
 * taken the write before the server failed. What the server says about Secrets is left out, as it may quote their values.
 */
export function errorOfAnswer(method: string, path: string, answer: RawAnswer): KubernetesApiError {
  const status = parseStatus(answer.text);
  const details = objectAt(status, "details");
  const reason = textAt(status, "reason");
  const subject = withName(requestSubject(method, path), details);
  const quiet = subject.resource === "secrets";
  const causes = causesOf(details, quiet);
  const verdict = verdictOf(answer.status, reason, textAt(status, "message"));
  const said = quiet ? "" : serverWords(status, answer.text, causes);
  const message = `${describeSubject(subject)}: ${verdict.what} (${answer.status}${reason === "" ? "" : ` ${reason}`})${said}`;
  return new KubernetesApiError(verdict.code, message, {
    next: verdict.next,
    retryable: verdict.retryable ?? false,
    status: answer.status,
    reason,
    retryAfterMs: retryAfterMs(answer.retryAfter, details),
    outcomeUnknown: answer.status >= 500 && answer.status !== 501 && method !== "GET",
    causes,
    details: { ...subject, ...continueToken(status) },
  });
}

/** A 2xx answer whose body is not a JSON object. */
export function unreadableAnswer(method: string, path: string, status: number): KubernetesApiError {
  const subject = requestSubject(method, path);
  return new KubernetesApiError(
    "KUBERNETES_ANSWER_INVALID",
    `${describeSubject(subject)}: the answer (${status}) is not a JSON object`,
    {
      next: "Check that the kubeconfig's server is a Kubernetes API server and no proxy changes its answers.",
      retryable: true,
      status,
      outcomeUnknown: method !== "GET",
      details: { ...subject },
    },
  );
}

/** The Status object of an answer; an empty one where the answer is something else, as from a proxy. */
function parseStatus(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** Creates name their object in the body, so only the server's details tell which one it was. */
function withName(subject: RequestSubject, details: JsonObject): RequestSubject {
  const name = textAt(details, "name");
  return subject.name === undefined && name !== "" ? { ...subject, name } : subject;
}

function causesOf(details: JsonObject, quiet: boolean): FieldCause[] {
  return objectsAt(details, "causes").map((cause) => ({
    field: textAt(cause, "field"),
    message: (quiet ? "" : textAt(cause, "message")) || textAt(cause, "reason"),
  }));
}

function serverWords(status: JsonObject, text: string, causes: readonly FieldCause[]): string {
  if (causes.length > 0) {
    return `: ${causes.map((cause) => (cause.field === "" ? cause.message : `${cause.field}: ${cause.message}`)).join("; ")}`;
  }
  const words = textAt(status, "message") || text;
  const line = words.trim().replace(/\s+/g, " ").slice(0, 500);
  return line === "" ? "" : `: ${line}`;
}

function retryAfterMs(header: string | undefined, details: JsonObject): number | undefined {
  const seconds = header === undefined ? details["retryAfterSeconds"] : Number(header);
  return typeof seconds === "number" && Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined;
}

/** A 410 to a list may carry the token that goes on at a later snapshot. */
function continueToken(status: JsonObject): { continueToken?: string } {
  const token = textAt(status, "metadata", "continue");
  return token === "" ? {} : { continueToken: token };
}
