import { MigratorError } from "../../shared/errors.ts";
import { EXIT } from "../exit-codes.ts";
import { printError } from "../failures.ts";

/** The process's own streams, and how it ends. */
type Process = Pick<NodeJS.Process, "stdout" | "stderr" | "exit" | "exitCode">;

/**
 * What cannot be printed. Whoever reads data may have enough of it, as in `get | head`; data that is lost otherwise, as on a full
 * disk, is told, and no success. Without somebody to read progress and errors a run goes on: it may hold a lock, and what it
 * comes to is in the store. Returns the exit code to end with, in place of the one that the command line came to.
 */
export function watchOutputs(process: Process): (code: number) => number {
  let lost = false;
  process.stderr.on("error", () => undefined);
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(EXIT.ok);
    if (lost) return;
    lost = true;
    // The stream may fail after everything else is done.
    process.exitCode = printError(process.stderr, outputLost(error), { json: false, verbose: false });
  });
  return (code) => (lost && code === EXIT.ok ? EXIT.error : code);
}

function outputLost(error: Error): MigratorError {
  return new MigratorError("OUTPUT_LOST", `standard output cannot be written: ${error.message}`, {
    next: "Make room where it goes to, or send it elsewhere, and give the command again: what a run has come to is in the store.",
    cause: error,
  });
}
