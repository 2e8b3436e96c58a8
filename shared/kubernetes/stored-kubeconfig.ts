import { stringify } from "yaml";
import { MigratorError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import type { Credentials } from "./credentials.ts";
import { textAt } from "./fields.ts";
import { contextOfText, type ResolvedContext } from "./kubeconfig.ts";
import { SERVICE_ACCOUNT, storedCluster, storedUser } from "./stored-kubeconfig-fields.ts";
import { tlsOf } from "./stored-kubeconfig-material.ts";
import { checkServer, type ServerRules } from "./stored-kubeconfig-server.ts";

/** What may be stored, and of which context. */
export interface StoredKubeconfigRules extends ServerRules {
  /** Default: the current context. */
  context?: string | undefined;
}

/**
 * One context of a kubeconfig that holds all it needs and nothing that could run a program, read a file or send
 * credentials elsewhere. What is secret is behind methods, so that it does not show when the object is printed.
 */
export interface StoredCluster {
  /** The name of the context. */
  readonly context: string;
  /** The URL of the API server. */
  readonly server: string;
  /** The name of the kubeconfig's user. */
  readonly user: string;
  /** The paths of the fields that are stored, such as `users["admin"].user.token`. */
  readonly fields: readonly string[];
  /** A kubeconfig (YAML) of this context alone, without the secrets of others. */
  kubeconfig(): string;
  /** What authenticates requests. */
  credentials(): Credentials;
  /** Every value that must never be seen. */
  secrets(): string[];
}

/**
 * Checks that a kubeconfig can be stored and used elsewhere, and takes what the chosen context needs.
 *
 * Throws KUBECONFIG_INVALID, KUBECONFIG_CONTEXT_MISSING, KUBECONFIG_CREDENTIALS_MISSING, KUBECONFIG_DATA_INVALID, what
 * `checkServer` throws, and for what cannot be stored KUBECONFIG_EXEC_REFUSED, _AUTH_PROVIDER_REFUSED, _FILE_REFUSED,
 * _INSECURE_TLS_REFUSED, _PROXY_REFUSED, _IMPERSONATION_REFUSED, _FIELD_UNKNOWN. Each names the field, never its content.
 */
export function parseStoredKubeconfig(text: string, rules: StoredKubeconfigRules = {}): StoredCluster {
  return storedClusterOf(contextOfText("the kubeconfig", text, rules.context), rules);
}

/** The same of a context that was read already. */
export function storedClusterOf(resolved: ResolvedContext, rules: ServerRules = {}): StoredCluster {
  const clusterPath = `clusters["${resolved.clusterName}"].cluster`;
  const userPath = `users["${resolved.userName}"].user`;
  const cluster = storedCluster(clusterPath, resolved.cluster);
  const user = storedUser(userPath, resolved.user);
  checkServer(`${clusterPath}.server`, resolved.server, rules);
  const tls = tlsOf([clusterPath, cluster], [userPath, user]);
  const authorization = authorizationOf(userPath, user);
  if (authorization === undefined && tls.key === undefined) throw noCredentials(userPath);
  const headers = { ...(authorization !== undefined && { authorization }), ...impersonation(user) };
  return {
    context: resolved.name,
    server: resolved.server,
    user: resolved.userName,
    fields: [...paths(clusterPath, cluster), ...paths(userPath, user)],
    kubeconfig: () => stringify(kubeconfigOf(resolved, cluster, user)),
    credentials: () => ({ headers, tls }),
    secrets: () => secretsOf(user, authorization, tls.key?.toString()),
  };
}

/** A token comes before a password, as in kubectl. */
function authorizationOf(path: string, user: JsonObject): string | undefined {
  const [token, username, password] = ["token", "username", "password"].map((name) => textAt(user, name));
  if (token !== undefined && token !== "") return `Bearer ${token.trim()}`;
  if ((username === "") !== (password === "")) {
    throw new MigratorError("KUBECONFIG_INVALID", `${path} has only one of username and password`, {
      next: "Give both, or a token.",
      details: { field: path },
    });
  }
  if (username === "") return undefined;
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** Impersonation stays: it is a request that the API server judges by the rights of the user who asks. */
function impersonation(user: JsonObject): Credentials["headers"] {
  const [as, uid] = [textAt(user, "as"), textAt(user, "as-uid")];
  const groups = Array.isArray(user["as-groups"]) ? user["as-groups"].map(String) : [];
  return {
    ...(as !== "" && { "impersonate-user": as }),
    ...(groups.length > 0 && { "impersonate-group": groups }),
    ...(uid !== "" && { "impersonate-uid": uid }),
  };
}

function kubeconfigOf(
  { name, clusterName, userName }: ResolvedContext,
  cluster: JsonObject,
  user: JsonObject,
): JsonObject {
  return {
    apiVersion: "v1",
    kind: "Config",
    "current-context": name,
    clusters: [{ name: clusterName, cluster }],
    contexts: [{ name, context: { cluster: clusterName, user: userName } }],
    users: [{ name: userName, user }],
  };
}

function paths(path: string, entry: JsonObject): string[] {
  return Object.keys(entry).map((name) => `${path}.${name}`);
}

function secretsOf(user: JsonObject, authorization = "", key = ""): string[] {
  const fields = ["token", "password", "client-key-data"].map((name) => textAt(user, name));
  const sent = authorization.replace(/^\w+ /, "");
  return [...new Set([...fields, sent, key])].filter((value) => value !== "");
}

function noCredentials(path: string): MigratorError {
  return new MigratorError(
    "KUBECONFIG_CREDENTIALS_MISSING",
    `${path} has no token, client certificate or password, so the API server would see nobody`,
    {
      next: SERVICE_ACCOUNT,
      details: { field: path },
    },
  );
}
