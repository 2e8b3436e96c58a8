import { readFileSync } from "node:fs";
import { userInfo } from "node:os";
import { SystemClock } from "../shared/adapters/system-clock.ts";
import { MIGRATIONS } from "../shared/migrations/registry.ts";
import { openCluster } from "./connections.ts";
import { COMPARISONS } from "./migrations.ts";
import { watchOutputs } from "./output/lost.ts";
import { run } from "./program.ts";
import type { World } from "./world.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

function realWorld(): World {
  return {
    env: process.env,
    cwd: process.cwd(),
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    clock: new SystemClock(),
    user: userName(),
    version: packageVersion(),
    migrations: MIGRATIONS,
    comparisons: COMPARISONS,
    openCluster,
    // The clients of AWS are large; whoever works without AWS does not wait for them.
    openAws: async (target, world) => (await import("./aws/open.ts")).openAws(target, world),
    onInterrupt: (listener) => {
      for (const signal of SIGNALS) process.on(signal, listener);
      return () => {
        for (const signal of SIGNALS) process.off(signal, listener);
      };
    },
    exit: (code) => process.exit(code),
  };
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run as a user that has no name.
    return process.env["USER"] ?? "unknown";
  }
}

/** The sources are one folder below package.json, what is built of them two. */
function packageVersion(): string {
  for (const path of ["../package.json", "../../package.json"]) {
    try {
      const { version } = JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8")) as {
        version: string;
      };
      return version;
    } catch {
      // The other place, then.
    }
  }
  return "unknown";
}

const endWith = watchOutputs(process);
process.exitCode = endWith(await run(process.argv.slice(2), realWorld()));
