import { inspect } from "node:util";
import { failureOf } from "../shared/engine/backoff.ts";
import type { Failure } from "../shared/engine/records.ts";
import { MigratorError } from "../shared/errors.ts";
import { inPlace } from "./in-place.ts";
import { oneLine } from "./output/escape.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { Faults } from "./faults.ts";
import type { Output } from "./world.ts";

/** How failures are told. */
export interface FailureStyle {
  json: boolean;
  /** Adds what helps a developer: the stack of an unexpected error, and its causes. */
  verbose: boolean;
  /** The options of the command line that failed; what is advised is for the same place. */
  flags?: unknown;
}

/** Tells of a failure: two lines for people, one JSON object for programs. */
export function printFailure(stderr: Output, failure: Failure, style: Omit<FailureStyle, "verbose">): void {
  const next = inPlace(failure.next, style.flags ?? {});
  if (style.json) stderr.write(`${JSON.stringify({ error: { ...failure, next } })}\n`);
  else stderr.write(`error: ${oneLine(failure.message)} (${failure.code})\nnext: ${oneLine(next)}\n`);
}

/** Tells of anything thrown, and gives the exit code for it. Of several faults, what the command line itself says counts. */
export function printError(stderr: Output, error: unknown, style: FailureStyle): number {
  if (error instanceof Faults) {
    const codes = error.found.map((one) => printError(stderr, one, style));
    return codes.includes(EXIT.usage) ? EXIT.usage : (codes[0] ?? EXIT.error);
  }
  const failure = failureOf(error);
  printFailure(stderr, failure, style);
  if (style.verbose && !(error instanceof MigratorError)) stderr.write(`${inspect(error)}\n`);
  return exitCodeOf(failure.code);
}

/** A command line that asks for something impossible. */
export function usageError(message: string, next: string): MigratorError {
  return new MigratorError("USAGE", message, { next });
}
