import { MigratorError } from "../../../errors.ts";

/** Where content waits until it is whole; a lifecycle rule of the bucket empties it. */
export const STAGING_PREFIX = "staging/";

/** The longest key that S3 takes, in bytes of UTF-8. */
const LONGEST_KEY = 1024;

/**
 * The key of an artifact. Throws ARTIFACT_NAME_INVALID for names that S3, or the tools that people look at a bucket with,
 * cannot hold apart or show: too long, with control characters, or with empty, "." or ".." parts between slashes.
 */
export function keyOf(prefix: string, name: string): string {
  const key = prefix + name;
  const problem = problemOf(name, key);
  if (problem === undefined) return key;
  throw new MigratorError("ARTIFACT_NAME_INVALID", `the artifact name ${JSON.stringify(name)} ${problem}`, {
    next: "Choose another name.",
  });
}

function problemOf(name: string, key: string): string | undefined {
  if (Buffer.byteLength(key) > LONGEST_KEY) return `is too long: its key has more than ${LONGEST_KEY} bytes`;
  if (!name.isWellFormed()) return "is not well-formed Unicode";
  if (/\p{Cc}/u.test(name)) return "has a control character";
  if (name.split("/").some((part) => ["", ".", ".."].includes(part))) {
    return 'has an empty, "." or ".." part';
  }
  return key.startsWith(STAGING_PREFIX)
    ? `begins with "${STAGING_PREFIX}", which is kept for drafts`
    : undefined;
}
