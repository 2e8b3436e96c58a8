#!/usr/bin/env node
// Starts calico-migrator on Node 24 or newer, whichever Node runs this file: from the sources in a clone, from dist in
// the published package.
import { execFileSync, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

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

/** What concerns developers alone: that this Node calls SQLite experimental, and deprecations inside libraries. */
const HIDDEN = new Set(["ExperimentalWarning", "DeprecationWarning"]);

/** Runs the program in this process. */
async function runHere() {
  process.removeAllListeners("warning");
  process.on("warning", (warning) => {
    if (!HIDDEN.has(warning.name)) process.stderr.write(`${warning.name}: ${warning.message}\n`);
  });
  await import(pathToFileURL(program).href);
}

/** Runs the program on another Node, and passes signals on to it, and its end back. */
function runOn(node) {
  const args = [
    "--disable-warning=ExperimentalWarning",
    "--no-deprecation",
    program,
    ...process.argv.slice(2),
  ];
  const child = spawn(node, args, { stdio: "inherit" });
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"];
  const passOn = (signal) => child.kill(signal);
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
  await runHere();
} else {
  const node = otherNode();
  if (node !== undefined) runOn(node);
  else
    fail(
      `Node ${WANTED} or newer is needed, this is ${process.versions.node}, and there is no other (NODE_TOO_OLD)`,
      `Install Node ${WANTED}; in a clone, \`npm ci\` brings it along.`,
    );
}
