import { errorMessage, MigratorError } from "../../shared/errors.ts";
import { type Target, targetOf } from "./options.ts";

// Loaded once the warnings are sorted out: SQLite is called experimental by this Node when it is loaded.
const BENCHES: Readonly<
  Record<Target, () => Promise<{ bench: (argv: readonly string[]) => Promise<void> }>>
> = {
  etcd: () => import("./bench.ts"),
  crds: () => import("./crds/bench.ts"),
  aws: () => import("./aws/bench.ts"),
};

process.removeAllListeners("warning");
process.on("warning", (warning) => {
  if (warning.name !== "ExperimentalWarning") console.error(`${warning.name}: ${warning.message}`);
});

try {
  const argv = process.argv.slice(2);
  const { bench } = await BENCHES[targetOf(argv)]();
  await bench(argv);
} catch (error) {
  console.error(`error: ${errorMessage(error)}`);
  if (error instanceof MigratorError) console.error(`next: ${error.next}`);
  process.exitCode = error instanceof MigratorError && error.code === "USAGE" ? 2 : 1;
}
