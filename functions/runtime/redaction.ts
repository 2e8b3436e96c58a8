import { Redactor } from "../../shared/adapters/aws/secrets/redactor.ts";

const REDACTED = "[redacted]";

/** Members whose values are secret whatever they look like, by their names in lower case without punctuation. */
const SECRET_MEMBER =
  /(password|passwd|secret|secretstring|secretbinary|secretaccesskey|sessiontoken|token|bearertoken|authorization|privatekey|clientkey|clientkeydata|clientcertificatedata|certificateauthoritydata|kubeconfig|apikey|credentials)$/;

/** Secrets that can be told by their shape, wherever in a text they are. */
const SHAPES: readonly [RegExp, string][] = [
  [/-----BEGIN [A-Z0-9 ]+-----[\s\S]*?(-----END [A-Z0-9 ]+-----|$)/g, REDACTED],
  // The same, encoded once more, as kubeconfigs hold it.
  [/LS0tLS1CRUdJTi[A-Za-z0-9+/=]*/g, REDACTED],
  [/k8s-aws-v1\.[A-Za-z0-9_-]+/g, REDACTED],
  [/\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*)?/g, REDACTED],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]+/gi, `$1 ${REDACTED}`],
  [/\b(AKIA|ASIA)[A-Z0-9]{16}\b/g, REDACTED],
  [/X-Amz-(Signature|Security-Token|Credential)=[^&\s"']+/gi, `X-Amz-$1=${REDACTED}`],
  // Who logs in at a URL.
  [/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@:"']*:[^\s/@"']+@/gi, `$1${REDACTED}@`],
  // `name: value`, `name=value` and their quoted forms, as of YAML, JSON, queries and command lines.
  [
    /((?:[a-z-]*-data|password|passwd|secret[_-]?access[_-]?key|session[_-]?token|token|secretstring|client-key)["']?\s*[:=]\s*)(?:"[^"]*"|'[^']*'|[^\s,;&"'}]+)/gi,
    `$1${REDACTED}`,
  ],
];

/** Takes secrets out of what is written: values that were read as secrets, and whatever else looks like one. */
export class Redaction {
  readonly #known = new Redactor();

  /** Values to take out from now on, until their owner is forgotten. */
  learn(values: readonly string[], owner: string): void {
    this.#known.learn(values, owner);
  }

  forget(owner: string): void {
    this.#known.forget(owner);
  }

  text(text: string): string {
    return SHAPES.reduce(
      (rest, [shape, replacement]) => rest.replace(shape, replacement),
      this.#known.redact(text),
    );
  }

  /** Replaces a member while its object is written as JSON: a replacer for `JSON.stringify`. */
  member(key: string, value: unknown): unknown {
    if (value instanceof Error) return this.error(value);
    if (typeof value === "string") return isSecretMember(key) ? REDACTED : this.text(value);
    return isSecretMember(key) && typeof value === "object" && value !== null ? REDACTED : value;
  }

  /** The same error and its causes, with redacted messages and stacks, and without whatever else they carried. */
  error(error: unknown): Error {
    const source = error instanceof Error ? error : new Error(String(error));
    const cause = source.cause instanceof Error ? { cause: this.error(source.cause) } : {};
    const redacted = new Error(this.text(source.message), cause);
    redacted.name = source.name;
    redacted.stack = this.text(source.stack ?? "");
    return redacted;
  }
}

function isSecretMember(key: string): boolean {
  return SECRET_MEMBER.test(key.toLowerCase().replace(/[^a-z]/g, ""));
}
