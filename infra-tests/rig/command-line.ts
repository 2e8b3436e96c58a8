import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const BIN = join(import.meta.dirname, "..", "..", "cli", "bin.mjs");

/** What a command of calico-migrator answered. */
export interface Answer {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a command of calico-migrator as a person does, in a process of its own with this environment. */
export async function runCommand(
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Answer> {
  const child = spawn(process.execPath, [BIN, ...words], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], ...env },
  });
  const answer = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (answer.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (answer.stderr += text));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...answer };
}
