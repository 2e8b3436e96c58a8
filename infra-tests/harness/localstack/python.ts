import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { installOnce } from "./install.ts";
import { run } from "./run.ts";
import { awsEmulatorUnavailable, installFailed, LOCALSTACK_VERSION } from "./unavailable.ts";

/** The folder of the plugin's sources, which LocalStack's Python finds by PYTHONPATH. */
export const PYTHON_SOURCES = join(import.meta.dirname, "python");

const LOCK = join(PYTHON_SOURCES, "requirements.lock");
// LocalStack is written for 3.12, and what it needs is not all there for 3.14.
const SUPPORTED = ["3.13", "3.12"];

/** A virtual environment that holds LocalStack. */
export interface LocalStackPython {
  python: string;
  /** What Python needs in its environment to find the plugin, and not to write beside the sources. */
  env: { PYTHONPATH: string; PYTHONPYCACHEPREFIX: string };
}

/** The Python that LocalStack runs on, installed first where it is missing. */
export async function ensureLocalStackPython(): Promise<LocalStackPython> {
  const version = createHash("sha256").update(readFileSync(LOCK)).digest("hex").slice(0, 16);
  const home = await installOnce({
    folder: `localstack-${version}`,
    what: `LocalStack ${LOCALSTACK_VERSION} (350 MB, one to two minutes)`,
    make: makeVirtualEnvironment,
  });
  const env = { PYTHONPATH: PYTHON_SOURCES, PYTHONPYCACHEPREFIX: join(home, "bytecode") };
  return { python: pythonOf(home), env };
}

/** The version ("3.13") out of what `python --version` prints, where LocalStack runs on it. */
export function supportedPython(output: string): string | undefined {
  const version = /^Python (3\.\d+)\./.exec(output)?.[1];
  return version !== undefined && SUPPORTED.includes(version) ? version : undefined;
}

async function makeVirtualEnvironment(target: string): Promise<void> {
  const python = await findPython();
  const steps: readonly [string, ...string[]][] = [
    [python, "-m", "venv", target],
    [
      pythonOf(target),
      "-m",
      "pip",
      "install",
      "-q",
      "--no-deps",
      "--no-compile",
      "--require-hashes",
      "-r",
      LOCK,
    ],
  ];
  for (const [path, ...args] of steps) {
    const { status, stdout, stderr } = await run(path, args, { PIP_DISABLE_PIP_VERSION_CHECK: "1" });
    if (status !== 0) throw installFailed([path, ...args.slice(0, 3)].join(" "), `${stdout}\n${stderr}`);
  }
}

async function findPython(): Promise<string> {
  for (const path of candidates()) {
    const { status, stdout } = await run(path, ["--version"]);
    if (status === 0 && supportedPython(stdout) !== undefined) return path;
  }
  throw awsEmulatorUnavailable(`no Python of ${SUPPORTED.join(" or ")} was found`);
}

// A shim of pyenv answers only for the versions chosen for this folder, so its versions are looked at as well.
function candidates(): string[] {
  const named = [...SUPPORTED.map((version) => `python${version}`), "python3"];
  const pyenv = join(process.env["PYENV_ROOT"] ?? join(homedir(), ".pyenv"), "versions");
  const installed = SUPPORTED.flatMap((version) =>
    entries(pyenv).filter((name) => name.startsWith(`${version}.`)),
  );
  return [...named, ...installed.map((name) => join(pyenv, name, "bin", "python3"))];
}

function entries(dir: string): string[] {
  try {
    return readdirSync(dir).sort().reverse();
  } catch {
    return [];
  }
}

function pythonOf(home: string): string {
  return join(home, "bin", "python");
}
