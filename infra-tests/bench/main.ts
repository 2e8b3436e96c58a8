import { errorMessage, MigratorError } from "../../shared/errors.ts";
import { targetOf } from "./options.ts";

process.removeAllListeners("warning");
process.on("warning", (warning) => {
  if (warning.name !== "ExperimentalWarning") console.error(`${warning.name}: ${warning.message}`);
});

try {
  // Loaded once the warnings are sorted out: SQLite is called experimental by this Node when it is loaded.
  const argv = process.argv.slice(2);
  const { bench } = targetOf(argv) === "aws" ? await import("./aws/bench.ts") : await import("./bench.ts");
  await bench(argv);
} catch (error) {
  console.error(`error: ${errorMessage(error)}`);
  if (error instanceof MigratorError) console.error(`next: ${error.next}`);
  process.exitCode = error instanceof MigratorError && error.code === "USAGE" ? 2 : 1;
}
