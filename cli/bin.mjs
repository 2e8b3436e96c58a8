#!/usr/bin/env node
// Starts calico-migrator on Node 24 or newer, whichever Node runs this file: from the sources in a clone, from dist in
// the published package.
import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const WANTED = 24;
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const source = join(root, "cli", "main.ts");
const program = existsSync(source) ? source : join(root, "dist", "cli", "main.js");

function majorOf(version) {
  return Number(/^v?(\d+)\./.exec(version)?.[1] ?? 0);
}

/** The Node that comes with the project as a dependency, in the places where npm puts it. */
function otherNode() {
  const places = [
    join(root, "node_modules", "node", "bin", "node"),
    join(root, "node_modules", ".bin", "node"),
    join(root, "..", "node", "bin", "node"),
    join(root, "..", ".bin", "node"),
  ];
  return places.find((place) => existsSync(place) && isNewEnough(place));
}

function isNewEnough(path) {
  try {
    return majorOf(execFileSync(path, ["--version"], { encoding: "utf8" })) >= WANTED;
  } catch {
    return false;
  }
}

function fail(message, next) {
  process.stderr.write(`error: ${message}\nnext: ${next}\n`);
  process.exitCode = 1;
}

/**
 * Not shown: that this Node calls SQLite experimental, and deprecations inside libraries, which concern developers alone.
 * The heap is told to stay small: objects live shortly here, and a young generation that may grow only delays collecting them.
 */
const FLAGS = [
  "--disable-warning=ExperimentalWarning",
  "--no-deprecation",
  "--max-semi-space-size=8",
  "--max-old-space-size=256",
];

/**
 * The C library keeps what buffers were freed for buffers to come, in a heap for each of Node's threads, and the more of it the
 * larger the largest of them was. Here answers and pages of the store come and go by the ten thousand: so it is told to share
 * heaps, and to give large pieces back at once. What a person has set counts.
 */
const MALLOC = {
  MALLOC_ARENA_MAX: "2",
  MALLOC_MMAP_THRESHOLD_: "131072",
  MALLOC_TRIM_THRESHOLD_: "1048576",
};

/** Becomes the program where Node can, so that signals and the end are its own; else runs it as a child. */
function run(node) {
  const args = [...FLAGS, program, ...process.argv.slice(2)];
  const env = { ...MALLOC, ...process.env };
  if (process.execve === undefined) {
    runAsChild(node, args, env);
    return;
  }
  process.removeAllListeners("warning");
  process.on("warning", () => undefined);
  process.execve(node, [node, ...args], env);
}

/** Passes signals on to the program, and its end back. A terminal sends Ctrl-C to both by itself. */
function runAsChild(node, args, env) {
  const child = spawn(node, args, { stdio: "inherit", env });
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  const passOn = (signal) => {
    if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
  };
  for (const signal of signals) process.on(signal, passOn);
  child.once("error", (error) =>
    fail(`${node} cannot be started: ${error.message} (NODE_UNUSABLE)`, "Install Node 24."),
  );
  child.once("exit", (code, signal) => {
    for (const one of signals) process.off(one, passOn);
    if (signal === null) process.exitCode = code;
    else process.kill(process.pid, signal);
  });
}

if (!existsSync(program)) {
  fail(`${program} is missing (NOT_BUILT)`, "Run `npm run build`, or install the package again.");
} else if (majorOf(process.versions.node) >= WANTED) {
  run(process.execPath);
} else {
  const node = otherNode();
  if (node !== undefined) run(node);
  else
    fail(
      `Node ${WANTED} or newer is needed, this is ${process.versions.node}, and there is no other (NODE_TOO_OLD)`,
      `Install Node ${WANTED}; in a clone, \`npm ci\` brings it along.`,
    );
}
