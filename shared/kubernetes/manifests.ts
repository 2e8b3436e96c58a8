import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { EnvHttpProxyAgent, fetch } from "undici";
import { errorMessage, MigratorError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { hasScheme, isUrl, refuseSecretUrl, shownSource } from "./manifest-url.ts";
import { describeObject, objectKey, parseManifest } from "./manifest-parser.ts";

/** How to load. */
export interface LoadOptions {
  signal?: AbortSignal | undefined;
  /** The most bytes of all files together. Default 32 MiB. */
  maxBytes?: number | undefined;
  /** Milliseconds that a URL may take. Default 30,000. */
  timeoutMs?: number | undefined;
}

/** A text with the name that messages call it by. */
interface Source {
  name: string;
  text: string;
}

const extensions = new Set([".yaml", ".yml", ".json"]);
const defaultMaxBytes = 32 * 1024 * 1024;

/**
 * Loads the Kubernetes objects of a file, of a directory with all its subdirectories (.yaml, .yml and .json, in the order
 * of their paths), or of an http(s) URL: multi-document YAML as kubectl reads it, `List` objects unpacked.
 * Refuses objects without apiVersion, kind or name, and the same object twice.
 *
 * Throws MANIFEST_URL_HAS_SECRET, MANIFEST_SOURCE_REFUSED (a URL that is neither http nor https), MANIFEST_NOT_FOUND, MANIFEST_UNREACHABLE (retryable), MANIFEST_TOO_LARGE, MANIFEST_INVALID (names file, document
 * and line) and MANIFEST_EMPTY.
 */
export async function loadManifests(source: string, options: LoadOptions = {}): Promise<JsonObject[]> {
  refuseSecretUrl(source);
  if (hasScheme(source) && !isUrl(source)) throw otherScheme(source);
  const sources = isUrl(source)
    ? [await download(source, options)]
    : await readSources(source, options.maxBytes ?? defaultMaxBytes);
  return parseManifests(shownSource(source), sources);
}

/**
 * The objects of texts that were read already, `source` standing for all of them in messages: as `loadManifests` would.
 * Throws MANIFEST_INVALID and MANIFEST_EMPTY.
 */
export function parseManifests(source: string, sources: readonly Source[]): JsonObject[] {
  const objects: JsonObject[] = [];
  const seen = new Map<string, string>();
  for (const { name, text } of sources) {
    for (const { object, where } of parseManifest(name, text)) {
      refuseTwice(seen, object, where);
      objects.push(object);
    }
  }
  if (objects.length > 0) return objects;
  throw new MigratorError("MANIFEST_EMPTY", `${source} holds no Kubernetes objects`, {
    next: "Give the manifest's file, directory or URL.",
    details: { source },
  });
}

function otherScheme(source: string): MigratorError {
  const message = `${shownSource(source)} is no http or https URL, and nothing else is fetched`;
  return new MigratorError("MANIFEST_SOURCE_REFUSED", message, {
    next: "Give an http or https URL, or download the manifest and give the file.",
  });
}

function refuseTwice(seen: Map<string, string>, object: JsonObject, where: string): void {
  const key = objectKey(object);
  const first = seen.get(key);
  if (first !== undefined) {
    throw new MigratorError(
      "MANIFEST_INVALID",
      `${where}: ${describeObject(object)} is there twice, first in ${first}`,
      { next: "Remove one of the two.", details: { where, first } },
    );
  }
  seen.set(key, where);
}

async function readSources(path: string, maxBytes: number): Promise<Source[]> {
  const files = await manifestFiles(path);
  const sources: Source[] = [];
  let bytes = 0;
  for (const file of files) {
    const text = await textOf(createReadStream(file), path, maxBytes - bytes).catch((error: unknown) => {
      throw error instanceof MigratorError ? error : unreadable(file, error);
    });
    bytes += Buffer.byteLength(text);
    sources.push({ name: file, text });
  }
  return sources;
}

async function manifestFiles(path: string): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const names = (await readdir(path, { recursive: true })).filter((name) => extensions.has(extname(name)));
    const files: string[] = [];
    for (const name of names.sort()) {
      const file = join(path, name);
      if ((await stat(file)).isFile()) files.push(file);
    }
    return files;
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, error: unknown): MigratorError {
  return new MigratorError("MANIFEST_NOT_FOUND", `${path} cannot be read: ${errorMessage(error)}`, {
    next: "Give an existing file or directory.",
    details: { path },
  });
}

async function download(url: string, options: LoadOptions): Promise<Source> {
  const deadline = AbortSignal.timeout(options.timeoutMs ?? 30_000);
  const signal = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline]);
  const dispatcher = new EnvHttpProxyAgent();
  try {
    const response = await fetch(url, { signal, dispatcher });
    if (!response.ok) throw unreachable(url, `the answer is ${response.status}`, response.status >= 500);
    const maxBytes = options.maxBytes ?? defaultMaxBytes;
    return { name: shownSource(url), text: await textOf(response.body ?? [], url, maxBytes) };
  } catch (error) {
    if (error instanceof MigratorError) throw error;
    options.signal?.throwIfAborted();
    throw unreachable(url, deadline.aborted ? "no whole answer in time" : causeOf(error), true);
  } finally {
    await dispatcher.destroy();
  }
}

/** What goes on longer than that is not read: a pipe tells no size beforehand, and neither need a server. */
async function textOf(
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  source: string,
  maxBytes: number,
): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of content) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw tooLarge(source);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** fetch hides the reason in the cause of a "fetch failed". */
function causeOf(error: unknown): string {
  return error instanceof Error && error.cause !== undefined
    ? errorMessage(error.cause)
    : errorMessage(error);
}

function unreachable(url: string, why: string, retryable: boolean): MigratorError {
  return new MigratorError("MANIFEST_UNREACHABLE", `${shownSource(url)} cannot be loaded: ${why}`, {
    next: "Check the URL and the network, or download the manifest and give the file.",
    retryable,
  });
}

function tooLarge(source: string): MigratorError {
  return new MigratorError("MANIFEST_TOO_LARGE", `${shownSource(source)} is too large for a manifest`, {
    next: "Give only the manifests that belong to Calico.",
  });
}
