import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, dirname, isAbsolute, join, resolve } from "node:path";
import { type Document, parseDocument } from "yaml";
import { errorMessage, MigratorError } from "../errors.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import { textAt } from "./fields.ts";

/** Which kubeconfig and which context of it. */
export interface KubeconfigSource {
  /** A file. Without it, as kubectl: the list in KUBECONFIG, else ~/.kube/config. */
  kubeconfig?: string | undefined;
  /** Default: the current context. */
  context?: string | undefined;
  /** Default: the process's environment. */
  env?: Readonly<Record<string, string | undefined>>;
}

/** One context with its cluster and its user, file paths in them made absolute. */
export interface ResolvedContext {
  name: string;
  /** The URL of the API server, as written. */
  server: string;
  clusterName: string;
  cluster: JsonObject;
  /** Empty for an anonymous user. */
  userName: string;
  user: JsonObject;
}

type Section = "clusters" | "contexts" | "users";

interface Merged {
  files: string[];
  currentContext: string | undefined;
  clusters: Map<string, JsonObject>;
  contexts: Map<string, JsonObject>;
  users: Map<string, JsonObject>;
}

/**
 * Reads a kubeconfig as kubectl does: of several files the first to name a cluster, context, user or current context wins,
 * files of the KUBECONFIG list may be missing, and paths are relative to the file that holds them.
 * Throws KUBECONFIG_NOT_FOUND, KUBECONFIG_INVALID, KUBECONFIG_CONTEXT_MISSING.
 */
export async function resolveContext(source: KubeconfigSource): Promise<ResolvedContext> {
  return contextOf(await readAll(source), source.context);
}

/**
 * The same of one kubeconfig that is text rather than a file; `label` stands for it in messages.
 * Throws KUBECONFIG_INVALID, KUBECONFIG_CONTEXT_MISSING.
 */
export function contextOfText(label: string, text: string, context?: string): ResolvedContext {
  const merged = nothingMerged();
  mergeFile(merged, label, text);
  return contextOf(merged, context);
}

function contextOf(merged: Merged, wanted: string | undefined): ResolvedContext {
  const name = wanted ?? merged.currentContext ?? "";
  const context = merged.contexts.get(name);
  if (context === undefined) throw contextMissing(name, merged);
  const where = `context "${name}" of ${merged.files.join(", ")}`;
  const [clusterName, cluster] = lookUp(merged.clusters, context["cluster"], "cluster", where);
  const server = textAt(cluster, "server");
  if (server === "") throw invalid(`${where}: its cluster has no server`);
  const anonymous = context["user"] === undefined || context["user"] === "";
  const [userName, user] = anonymous ? ["", {}] : lookUp(merged.users, context["user"], "user", where);
  return { name, server, clusterName, cluster, userName, user };
}

async function readAll(source: KubeconfigSource): Promise<Merged> {
  const env = source.env ?? process.env;
  const listed = (env["KUBECONFIG"] ?? "").split(delimiter).filter((file) => file !== "");
  const home = join(env["HOME"] ?? homedir(), ".kube", "config");
  const candidates =
    source.kubeconfig === undefined ? (listed.length > 0 ? listed : [home]) : [source.kubeconfig];
  const merged = nothingMerged();
  for (const file of candidates) {
    const text = await readIfPresent(file);
    if (text !== undefined) mergeFile(merged, file, text);
  }
  if (merged.files.length > 0) return merged;
  throw new MigratorError("KUBECONFIG_NOT_FOUND", `no kubeconfig at ${candidates.join(", ")}`, {
    next: "Give the file with --kubeconfig, or set KUBECONFIG.",
    details: { candidates },
  });
}

function nothingMerged(): Merged {
  return {
    files: [],
    currentContext: undefined,
    clusters: new Map(),
    contexts: new Map(),
    users: new Map(),
  };
}

async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw invalid(`${file} cannot be read: ${errorMessage(error)}`);
  }
}

function mergeFile(merged: Merged, file: string, text: string): void {
  const root = parse(file, text);
  merged.files.push(file);
  const current = root["current-context"];
  if (typeof current === "string" && current !== "") merged.currentContext ??= current;
  const directory = resolve(dirname(file));
  mergeSection(merged, root, "clusters", file, (entry) => clusterPaths(entry, directory));
  mergeSection(merged, root, "contexts", file, (entry) => entry);
  mergeSection(merged, root, "users", file, (entry) => userPaths(entry, directory));
}

function parse(file: string, text: string): JsonObject {
  const document = parseDocument(text, { prettyErrors: false });
  const problem = document.errors[0];
  // The parser's own message could quote the line, and with it a token.
  if (problem !== undefined) throw invalid(`${file} is not YAML (${problem.code} at byte ${problem.pos[0]})`);
  const root = contentOf(file, document);
  if (!isJsonObject(root)) throw invalid(`${file} is not a kubeconfig: no mapping at its root`);
  return root;
}

function contentOf(file: string, document: Document.Parsed): unknown {
  try {
    return document.toJS() ?? {};
  } catch {
    throw invalid(`${file} has YAML aliases that lead nowhere or expand too far`);
  }
}

function mergeSection(
  merged: Merged,
  root: JsonObject,
  section: Section,
  file: string,
  absolute: (entry: JsonObject) => JsonObject,
): void {
  const entries = root[section] ?? [];
  if (!Array.isArray(entries)) throw invalid(`${file}: ${section} is not a list`);
  for (const [index, entry] of entries.entries()) {
    if (!isJsonObject(entry) || typeof entry["name"] !== "string") {
      throw invalid(`${file}: ${section}[${index}] has no name`);
    }
    const value = entry[section.slice(0, -1)] ?? {};
    if (!isJsonObject(value)) throw invalid(`${file}: ${section}[${index}] is not a mapping`);
    if (!merged[section].has(entry["name"])) merged[section].set(entry["name"], absolute(value));
  }
}

function clusterPaths(cluster: JsonObject, directory: string): JsonObject {
  return absolutePaths(cluster, ["certificate-authority"], directory);
}

function userPaths(user: JsonObject, directory: string): JsonObject {
  const absolute = absolutePaths(user, ["client-certificate", "client-key", "tokenFile"], directory);
  const exec = absolute["exec"];
  if (!isJsonObject(exec) || typeof exec["command"] !== "string") return absolute;
  // A command without a separator is found through PATH.
  return /[\\/]/.test(exec["command"])
    ? { ...absolute, exec: absolutePaths(exec, ["command"], directory) }
    : absolute;
}

function absolutePaths(entry: JsonObject, fields: readonly string[], directory: string): JsonObject {
  const result = { ...entry };
  for (const field of fields) {
    const path = result[field];
    if (typeof path === "string" && path !== "" && !isAbsolute(path)) result[field] = join(directory, path);
  }
  return result;
}

function lookUp(
  entries: Map<string, JsonObject>,
  name: unknown,
  what: string,
  where: string,
): [string, JsonObject] {
  const entry = typeof name === "string" ? entries.get(name) : undefined;
  if (typeof name === "string" && entry !== undefined) return [name, entry];
  throw invalid(
    `${where}: ${typeof name === "string" ? `${what} "${name}" is not defined` : `it names no ${what}`}`,
  );
}

function contextMissing(name: string, merged: Merged): MigratorError {
  const contexts = [...merged.contexts.keys()];
  const wanted = name === "" ? "no current context is set" : `no context "${name}"`;
  const there = contexts.length === 0 ? "there are none" : `there are: ${contexts.join(", ")}`;
  return new MigratorError("KUBECONFIG_CONTEXT_MISSING", `${merged.files.join(", ")}: ${wanted}; ${there}`, {
    next: "Choose one of the contexts with --context.",
    details: { context: name, contexts, files: merged.files },
  });
}

function invalid(message: string): MigratorError {
  return new MigratorError("KUBECONFIG_INVALID", message, { next: "Correct the kubeconfig." });
}
