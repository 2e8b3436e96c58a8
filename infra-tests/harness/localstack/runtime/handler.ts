import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

/** A function's handler; `callback` is the second way to answer that CommonJS handlers have. */
export type Handler = (
  event: unknown,
  context: unknown,
  callback: (error: unknown, result?: unknown) => void,
) => unknown;

/** An error in the form in which Lambda reports it. */
export interface DescribedError {
  errorType: string;
  errorMessage: string;
  trace: string[];
}

const ENDINGS = [".js", ".mjs", ".cjs"];

/**
 * The handler that `spec` ("folder/file.export") names below `root`. Throws errors named as Lambda names them:
 * Runtime.MalformedHandlerName, Runtime.ImportModuleError, Runtime.HandlerNotFound.
 */
export async function loadHandler(root: string, spec: string): Promise<Handler> {
  const name = basename(spec);
  const dot = name.indexOf(".");
  if (dot < 1) throw named("Runtime.MalformedHandlerName", `Bad handler ${spec}`);
  const stem = join(root, dirname(spec), name.slice(0, dot));
  const file = ENDINGS.map((ending) => `${stem}${ending}`).find((path) => existsSync(path));
  if (file === undefined) throw named("Runtime.ImportModuleError", `Cannot find module '${basename(stem)}'`);
  const module: unknown = isEsModule(file, root)
    ? await import(pathToFileURL(file).href)
    : createRequire(file)(file);
  const handler = name
    .slice(dot + 1)
    .split(".")
    .reduce(property, module);
  if (typeof handler !== "function")
    throw named("Runtime.HandlerNotFound", `${spec} is undefined or not exported`);
  return handler as Handler;
}

/** Describes anything thrown. */
export function describeError(error: unknown): DescribedError {
  if (!(error instanceof Error)) return { errorType: typeof error, errorMessage: String(error), trace: [] };
  return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? "").split("\n") };
}

function isEsModule(file: string, root: string): boolean {
  if (!file.endsWith(".js")) return file.endsWith(".mjs");
  for (let dir = dirname(file); dir.startsWith(root); dir = dirname(dir)) {
    const path = join(dir, "package.json");
    if (existsSync(path))
      return (JSON.parse(readFileSync(path, "utf8")) as { type?: string }).type === "module";
  }
  return false;
}

function property(value: unknown, key: string): unknown {
  const of = (object: unknown) => (object as Record<string, unknown> | null | undefined)?.[key];
  return of(value) ?? of((value as { default?: unknown } | undefined)?.default);
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}
