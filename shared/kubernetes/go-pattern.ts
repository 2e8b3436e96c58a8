/** Syntax of Go's RE2 that JavaScript lacks, or reads as something else without complaint. */
const onlyInGo = /\(\?[a-zA-Z-]+[):]|\(\?P<|\[\[:|\\[AzQECpP]|\[[^\]]*\\S|\[\^?\]/;

/**
 * The JavaScript form of a pattern that the API server matches with Go's regexp package, unanchored.
 * Undefined where the two languages might differ, so that a match never lies.
 */
export function goPattern(pattern: string): RegExp | undefined {
  const ignoreCase = /^\^?\(\?i\)/.test(pattern);
  const plain = ignoreCase ? pattern.replace("(?i)", "") : pattern;
  if (onlyInGo.test(plain)) return undefined;
  try {
    return new RegExp(withGoSpaces(plain), ignoreCase ? "iu" : "u");
  } catch {
    return undefined;
  }
}

/** Go's `\s` is ASCII only, and its dot excludes nothing but the line feed. */
function withGoSpaces(pattern: string): string {
  let inClass = false;
  return pattern.replace(/\\[\s\S]|[[\].]/g, (token) => {
    if (token === "[") inClass = true;
    if (token === "]") inClass = false;
    if (token === "\\s") return inClass ? "\\t\\n\\f\\r " : "[\\t\\n\\f\\r ]";
    if (token === "\\S") return "[^\\t\\n\\f\\r ]";
    return token === "." && !inClass ? "[^\\n]" : token;
  });
}
