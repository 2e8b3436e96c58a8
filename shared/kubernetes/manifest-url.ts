import { MigratorError } from "../errors.ts";

/** Parameters that let whoever has the URL in: of signed URLs (AWS, Azure, Google), and tokens of code hosts. */
const SECRET_PARAMETER =
  /^(x-(amz|goog)-(signature|credential|security-token)|sig|signature|.*(token|secret|password|apikey|api[-_]key|access[-_]?key.*))$/i;

/** True for a source that is fetched, rather than read from a file. */
export function isUrl(source: string): boolean {
  return /^https?:\/\//i.test(source);
}

/** True for a source that looks like a URL of any kind: no file is meant by it. */
export function hasScheme(source: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(source);
}

/**
 * Refuses a URL that lets in whoever has it: it would be kept with the run, and shown to everybody who looks at it. Throws
 * MANIFEST_URL_HAS_SECRET, naming what it holds, never the value.
 */
export function refuseSecretUrl(source: string): void {
  const problem = secretIn(source);
  if (problem === undefined) return;
  throw new MigratorError("MANIFEST_URL_HAS_SECRET", `${shownSource(source)} ${problem}`, {
    next: "Download the manifest and give the file.",
  });
}

/** What a URL holds that is secret, as the end of a sentence; undefined for others and for files. */
export function secretIn(source: string): string | undefined {
  const url = hasScheme(source) ? URL.parse(source) : null;
  if (url === null) return undefined;
  if (url.username !== "" || url.password !== "") return "holds a user or a password";
  const parameter = [...url.searchParams.keys()].find((name) => SECRET_PARAMETER.test(name));
  return parameter === undefined ? undefined : `holds a secret, as its parameter "${parameter}" says`;
}

/** A source as messages may name it: a file as it is, a URL without user, password and query. */
export function shownSource(source: string): string {
  if (!hasScheme(source)) return source;
  const url = URL.parse(source);
  return url === null ? "a URL that is none" : `${url.protocol}//${url.host}${url.pathname}`;
}
