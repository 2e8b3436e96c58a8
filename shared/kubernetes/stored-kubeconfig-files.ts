import { readFile } from "node:fs/promises";
import { errorMessage, MigratorError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { textAt } from "./fields.ts";
import { type KubeconfigSource, resolveContext } from "./kubeconfig.ts";
import { type StoredCluster, storedClusterOf } from "./stored-kubeconfig.ts";
import type { ServerRules } from "./stored-kubeconfig-server.ts";

type Encoding = "base64" | "utf8";

/** A field that names a file, the field that takes the file's content, and how. */
type Embedding = readonly [file: string, data: string, encoding: Encoding];

const clusterEmbeddings: readonly Embedding[] = [
  ["certificate-authority", "certificate-authority-data", "base64"],
];

const userEmbeddings: readonly Embedding[] = [
  ["client-certificate", "client-certificate-data", "base64"],
  ["client-key", "client-key-data", "base64"],
  ["tokenFile", "token", "utf8"],
];

/**
 * A person's kubeconfig, found as kubectl finds it, made fit to be stored: the chosen context alone, with the files that it
 * names embedded. Throws what `resolveContext` and `parseStoredKubeconfig` throw, and KUBECONFIG_FILE_UNREADABLE.
 */
export async function storedKubeconfigFrom(
  source: KubeconfigSource,
  rules: ServerRules = {},
): Promise<StoredCluster> {
  const resolved = await resolveContext(source);
  const cluster = await embed(
    `clusters["${resolved.clusterName}"].cluster`,
    resolved.cluster,
    clusterEmbeddings,
  );
  const user = await embed(`users["${resolved.userName}"].user`, resolved.user, userEmbeddings);
  return storedClusterOf({ ...resolved, cluster, user }, rules);
}

/** As kubectl: data wins over the file beside it, but a token file over the token. */
async function embed(path: string, entry: JsonObject, embeddings: readonly Embedding[]): Promise<JsonObject> {
  const result = { ...entry };
  for (const [file, data, encoding] of embeddings) {
    const name = textAt(entry, file);
    if (name === "") continue;
    const wins = encoding === "utf8" || textAt(entry, data) === "";
    result[file] = undefined;
    if (wins) result[data] = (await read(`${path}.${file}`, name)).toString(encoding).trim();
  }
  return result;
}

async function read(field: string, file: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new MigratorError("KUBECONFIG_FILE_UNREADABLE", `${field} ${file}: ${errorMessage(cause)}`, {
      next: "Check the path and the permissions of the file.",
      details: { field, file },
      cause,
    });
  }
}
