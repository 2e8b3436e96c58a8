import { errorMessage, MigratorError } from "../../shared/errors.ts";

process.removeAllListeners("warning");
process.on("warning", (warning) => {
  if (warning.name !== "ExperimentalWarning") console.error(`${warning.name}: ${warning.message}`);
});

try {
  // Loaded once the warnings are sorted out: SQLite is called experimental by this Node when it is loaded.
  const { bench } = await import("./bench.ts");
  await bench(process.argv.slice(2));
} catch (error) {
  console.error(`error: ${errorMessage(error)}`);
  if (error instanceof MigratorError) console.error(`next: ${error.next}`);
  process.exitCode = error instanceof MigratorError && error.code === "USAGE" ? 2 : 1;
}
