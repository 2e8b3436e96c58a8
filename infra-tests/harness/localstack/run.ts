import { spawn } from "node:child_process";

/** What a command that ended left: its status (127 when it could not be started) and its output. */
export interface Finished {
  status: number;
  stdout: string;
  stderr: string;
}

/** Runs a command to its end with this process's environment, changed by `env`; never throws. */
export function run(path: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Finished> {
  return new Promise((resolve) => {
    const child = spawn(path, args, {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const output = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk: Buffer) => (output.stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (output.stderr += chunk.toString()));
    child.once("error", (error) => {
      resolve({ status: 127, stdout: "", stderr: error.message });
    });
    child.once("close", (status) => {
      resolve({ status: status ?? 1, ...output });
    });
  });
}
