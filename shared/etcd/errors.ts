import { errorMessage, MigratorError } from "../errors.ts";

/** The history that was asked for is gone: etcd keeps nothing from before `compactRevision`. */
export class EtcdCompactedError extends MigratorError {
  /** The oldest revision that can still be read. */
  readonly compactRevision: number;

  constructor(revision: number, compactRevision: number) {
    super(
      "ETCD_COMPACTED",
      `etcd's history was compacted: revision ${revision} was asked for, ${compactRevision} is the oldest it still has`,
      {
        next: "`resume`, or run the command again: everything is read and compared then.",
        details: { revision, compactRevision },
      },
    );
    this.compactRevision = compactRevision;
  }
}

interface Rule {
  readonly matches: RegExp;
  readonly code: string;
  readonly says: string;
  readonly next: string;
  readonly retryable?: boolean;
}

const CHECK_ENDPOINTS =
  "Check the endpoints (http or https, host and port), that etcd runs, and that this machine may reach it.";
const TRY_AGAIN = "Try again; if it lasts, look at the health of the etcd cluster.";

/**
 * What gRPC and etcd say, in order of precedence. etcd3 passes both on as text: `<gRPC code> <NAME>: <details>`.
 * The texts of etcd are those of its `api/v3rpc/rpctypes` package, stable since 3.0.
 */
const RULES: readonly Rule[] = [
  {
    matches: /no leader|leader changed|not leader|raft proposal dropped/,
    code: "ETCD_NO_LEADER",
    says: "the etcd cluster has no leader at the moment",
    next: TRY_AGAIN,
    retryable: true,
  },
  {
    matches: /Waiting for LB pick|before secure TLS connection was established/,
    code: "ETCD_UNREACHABLE",
    says: "etcd cannot be reached",
    next: CHECK_ENDPOINTS,
    retryable: true,
  },
  {
    matches: /request timed out|too many requests|^4 /,
    code: "ETCD_TIMEOUT",
    says: "etcd did not answer in time",
    next: TRY_AGAIN,
    retryable: true,
  },
  {
    matches: /etcdserver: (user name is empty|authentication failed|invalid auth)|permission denied|^(7|16) /,
    code: "ETCD_AUTH",
    says: "etcd refused the user",
    next: "Check the user name, the password file and the roles of the user; it needs to read and write /calico/.",
  },
  {
    matches: /certificate|self.signed|unable to (get|verify)|ERR_TLS|ERR_SSL|EPROTO|SSL routines|altnames/i,
    code: "ETCD_TLS",
    says: "no secure connection to etcd",
    next: "Check the authority, the certificate with its key, and the server name (--etcd-ca, --etcd-cert, --etcd-key, --etcd-server-name), and that the endpoint really speaks https.",
  },
  {
    matches: /^12 |Received HTTP status code/,
    code: "ETCD_FAILED",
    says: "what answers is not etcd's v3 API",
    next: CHECK_ENDPOINTS,
  },
  {
    matches: /database space exceeded/,
    code: "ETCD_FAILED",
    says: "etcd is full and refuses writes",
    next: "Compact and defragment etcd, then disarm its NOSPACE alarm.",
  },
  {
    matches: /^(1|14) |RST_STREAM|watch stream was unexpectedly ended|ECONN|socket hang up/,
    code: "ETCD_UNREACHABLE",
    says: "etcd cannot be reached",
    next: CHECK_ENDPOINTS,
    retryable: true,
  },
];

const OTHER: Omit<Rule, "matches"> = {
  code: "ETCD_FAILED",
  says: "etcd refused the request",
  next: "Look at the message of etcd and at its log.",
};

/** What gRPC wraps around the cause of a failed connection. */
const NOISE =
  /^\d+ [A-Z_]+: |No connection established\. Last error: |Resolution note: |\(\d{4}-\d\d-\d\dT[\d:.]+Z\)\./g;

/**
 * Any failure of a call as a MigratorError that names the endpoint. Retryable: ETCD_UNREACHABLE, ETCD_TIMEOUT,
 * ETCD_NO_LEADER. Not: ETCD_TLS, ETCD_AUTH, ETCD_FAILED. MigratorErrors pass through unchanged.
 */
export function toEtcdError(error: unknown, endpoint: string): MigratorError {
  if (error instanceof MigratorError) return error;
  const text = errorMessage(error);
  const details = text.replace(NOISE, " ").replace(/\s+/g, " ").trim();
  const rule = RULES.find(({ matches }) => matches.test(text)) ?? OTHER;
  return new MigratorError(rule.code, `${endpoint}: ${rule.says} (${details})`, {
    next: rule.next,
    retryable: rule.retryable ?? false,
    details: { endpoint },
    cause: error,
  });
}

/** True when a read or watch failed because its revision was compacted. */
export function isCompacted(error: unknown): boolean {
  return originalText(error).includes("required revision has been compacted");
}

/** True when etcd certainly never began to carry out the failed request, so that even a write may be repeated. */
export function wasNeverExecuted(error: MigratorError): boolean {
  if (error.code === "ETCD_NO_LEADER") return true;
  return /No connection established|Channel closed before call started|Name resolution failed/.test(
    originalText(error),
  );
}

/** What gRPC or etcd said, whether or not it has become a MigratorError since. */
function originalText(error: unknown): string {
  return error instanceof MigratorError && error.cause !== undefined
    ? originalText(error.cause)
    : errorMessage(error);
}

/** The words that stand in for etcd's refusals of a token. */
export const TOKEN_REFUSED = "the login has expired";

/** True for what etcd says when it no longer takes a token, because of age, a restart, or a change of its users. */
export function isTokenRefusal(details: string): boolean {
  return /invalid auth token|revision of auth store is old/.test(details);
}

/** True when a call failed for its token, so that a new login may help. */
export function isTokenRefused(error: unknown): boolean {
  return originalText(error).includes(TOKEN_REFUSED);
}
