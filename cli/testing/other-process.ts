import { SystemClock } from "../../shared/adapters/system-clock.ts";
import type { ClusterConnections } from "../../shared/migrations/connections.ts";
import { run } from "../program.ts";
import { type FakeOptions, fakeMigration } from "./fake-migration.ts";

// The whole program in a process of its own, with the fake migration as the environment describes it.
const options = JSON.parse(process.env["FAKE_MIGRATION"] ?? "{}") as FakeOptions;
process.exitCode = await run(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: new SystemClock(),
  user: "bob",
  version: "1.2.3",
  migrations: [fakeMigration(options)],
  comparisons: {},
  openCluster: () =>
    Promise.resolve({ connections: {} as ClusterConnections, close: () => Promise.resolve() }),
  openAws: () => Promise.reject(new Error("there is no AWS here")),
  onInterrupt: (listener) => {
    process.on("SIGINT", listener);
    return () => process.off("SIGINT", listener);
  },
  exit: (code) => process.exit(code),
});
