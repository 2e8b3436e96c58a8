import { MigratorError, type MigratorErrorOptions } from "../errors.ts";

/** One field that the API server complains about. */
export interface FieldCause {
  field: string;
  message: string;
}

/** What a KubernetesApiError carries beyond a MigratorError. */
interface KubernetesApiErrorOptions extends MigratorErrorOptions {
  status?: number;
  reason?: string;
  retryAfterMs?: number | undefined;
  outcomeUnknown?: boolean;
  causes?: readonly FieldCause[];
}

/**
 * The API server refused a request, failed at it, or could not be asked. Codes:
 * KUBERNETES_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _ALREADY_EXISTS, _CONFLICT, _EXPIRED (410), _INVALID,
 * _TOO_LARGE, _TOO_MANY_REQUESTS, _SERVER_ERROR, _ANSWER_INVALID, _ANSWER_TOO_LARGE, _TIMEOUT, _CONNECTION_LOST, _UNREACHABLE, _TLS, _ABORTED,
 * _REQUEST_INVALID.
 */
export class KubernetesApiError extends MigratorError {
  override readonly name = "KubernetesApiError";
  /** The HTTP status; 0 where there was no answer. */
  readonly status: number;
  /** The reason of the server's Status object, for example `AlreadyExists`; empty where there is none. */
  readonly reason: string;
  /** How long the server asks to wait. */
  readonly retryAfterMs: number | undefined;
  /** True when this was a write that may nevertheless have happened: look before redoing it. */
  readonly outcomeUnknown: boolean;
  /** The fields the server names, where it names any. */
  readonly causes: readonly FieldCause[];

  constructor(code: string, message: string, options: KubernetesApiErrorOptions) {
    super(code, message, options);
    this.status = options.status ?? 0;
    this.reason = options.reason ?? "";
    this.retryAfterMs = options.retryAfterMs;
    this.outcomeUnknown = options.outcomeUnknown ?? false;
    this.causes = options.causes ?? [];
  }
}

/** True for a KubernetesApiError of this code. */
export function isKubernetesError(error: unknown, code: string): error is KubernetesApiError {
  return error instanceof KubernetesApiError && error.code === code;
}
