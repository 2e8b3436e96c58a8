import { RE2JS, RE2JSException } from "re2js";

/** A pattern that tells whether it is found in a text. */
export interface GoPattern {
  test(text: string): boolean;
}

/**
 * A pattern as the API server matches it: with Go's regexp package, unanchored (apiextensions-apiserver, validation.go).
 * In time that grows with the text alone, so that a definition of a cluster cannot hold up whoever reads it. Undefined
 * for what is no pattern there.
 */
export function goPattern(pattern: string): GoPattern | undefined {
  try {
    const compiled = RE2JS.compile(pattern);
    return { test: (text) => compiled.matcher(text).find() };
  } catch (error) {
    if (error instanceof RE2JSException) return undefined;
    throw error;
  }
}
