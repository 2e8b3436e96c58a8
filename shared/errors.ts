/**
 * The base of every error that a user can meet. `code` is stable (documented, tested, safe to script against);
 * `next` says what to do about it; `retryable` tells the engine whether trying again can help.
 *
 * Messages and details must never contain a secret: name the file or the field, not its content.
 */
export class MigratorError extends Error {
  override readonly name: string = "MigratorError";
  readonly code: string;
  readonly next: string;
  readonly retryable: boolean;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: string, message: string, options: MigratorErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.next = options.next;
    this.retryable = options.retryable ?? false;
    this.details = options.details ?? {};
  }
}

/** What an error carries beyond its code and message. */
export interface MigratorErrorOptions {
  /** What the user should do next, as one imperative sentence. */
  next: string;
  /** True when the same attempt may succeed later (a lost connection, a 429). Default false. */
  retryable?: boolean;
  cause?: unknown;
  /** Structured facts about the failure; never secrets. */
  details?: Readonly<Record<string, unknown>>;
}

/** The message of anything thrown, without its stack. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** True for errors that say of themselves that trying again may help. */
export function isRetryable(error: unknown): boolean {
  return error instanceof MigratorError && error.retryable;
}
