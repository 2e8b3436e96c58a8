import type { RequestOptions } from "node:https";
import { basename } from "node:path";
import type { KubeConfig } from "@kubernetes/client-node";
import { errorMessage, MigratorError } from "../errors.ts";
import { isJsonObject, type Json, type JsonObject } from "../json.ts";
import { textAt } from "./fields.ts";
import type { ResolvedContext } from "./kubeconfig.ts";

/** The TLS part of a connection, in Node's terms. */
export interface TlsMaterial {
  ca?: string | Buffer;
  cert?: string | Buffer;
  key?: string | Buffer;
  servername?: string;
  rejectUnauthorized?: boolean;
}

/** What authenticates requests at one moment. */
export interface Credentials {
  headers: Record<string, string | string[]>;
  tls: TlsMaterial;
}

/** The longest an exec plugin may take; one that asks a person is given time to be answered. */
const pluginTimeoutMs = 60_000;

/**
 * The credentials of a kubeconfig user, as client-node works them out: tokens, token files, client certificates, exec
 * plugins, OIDC. It keeps what it may (a plugin's answer until it expires), so `read` is cheap to call again; a new
 * source forgets everything.
 */
export class CredentialSource {
  readonly #config: KubeConfig;
  readonly #context: ResolvedContext;

  private constructor(config: KubeConfig, context: ResolvedContext) {
    this.#config = config;
    this.#context = context;
  }

  /** A source that knows nothing yet. */
  static async open(context: ResolvedContext): Promise<CredentialSource> {
    // Loaded only when somebody connects: it takes half a second, which every other command would wait for.
    const { KubeConfig } = await import("@kubernetes/client-node");
    const config = new KubeConfig();
    config.loadFromString(
      JSON.stringify({
        "current-context": "it",
        contexts: [{ name: "it", context: { cluster: "it", user: "it" } }],
        clusters: [{ name: "it", cluster: withHttpAllowed(context) }],
        users: [{ name: "it", user: clientNodeUser(context) }],
      }),
    );
    return new CredentialSource(config, context);
  }

  /** The credentials as of now. Throws KUBECONFIG_INVALID (a file it names) or KUBERNETES_CREDENTIALS (a plugin). */
  async read(): Promise<Credentials> {
    const options: RequestOptions = { headers: {} };
    await this.#apply(options);
    const headers: Credentials["headers"] = {};
    for (const [name, value] of Object.entries(options.headers ?? {}))
      headers[name.toLowerCase()] = String(value).trim();
    if (typeof options.auth === "string") {
      headers["authorization"] = `Basic ${Buffer.from(options.auth).toString("base64")}`;
    }
    return { headers: { ...headers, ...impersonation(this.#context.user) }, tls: tlsMaterial(options) };
  }

  async #apply(options: RequestOptions): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const deadline = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => {
        reject(new Error("no answer in time"));
      }, pluginTimeoutMs);
    });
    try {
      await Promise.race([this.#config.applyToHTTPSOptions(options), deadline]);
    } catch (error) {
      throw credentialsError(this.#context, error);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** client-node refuses http: without this flag, which means nothing there; kubectl accepts it. */
function withHttpAllowed({ cluster, server }: ResolvedContext): JsonObject {
  return server.startsWith("http:") ? { ...cluster, "insecure-skip-tls-verify": true } : cluster;
}

/** Fills in what client-node leaves out of kubectl's behaviour: `tokenFile`, and the exec plugin's KUBERNETES_EXEC_INFO. */
function clientNodeUser(context: ResolvedContext): JsonObject {
  const { tokenFile, exec, ...user } = context.user;
  if (typeof tokenFile === "string" && tokenFile !== "") {
    return { ...user, token: undefined, "auth-provider": { name: "tokenFile", config: { tokenFile } } };
  }
  return isJsonObject(exec) ? { ...user, exec: withExecInfo(exec, context.cluster) } : user;
}

/** Plugins read the wanted API version, and on request the cluster, from this variable (client.authentication.k8s.io). */
function withExecInfo(exec: JsonObject, cluster: JsonObject): JsonObject {
  const spec: JsonObject = { interactive: false };
  if (exec["provideClusterInfo"] === true) spec["cluster"] = cluster;
  const info = JSON.stringify({ apiVersion: exec["apiVersion"], kind: "ExecCredential", spec });
  const env: Json[] = Array.isArray(exec["env"]) ? exec["env"] : [];
  return { ...exec, env: [...env, { name: "KUBERNETES_EXEC_INFO", value: info }] };
}

function impersonation(user: JsonObject): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  const groups = user["as-groups"];
  if (Array.isArray(groups) && groups.length > 0) headers["impersonate-group"] = groups.map(String);
  if (typeof user["as-uid"] === "string") headers["impersonate-uid"] = user["as-uid"];
  return headers;
}

function tlsMaterial(options: RequestOptions): TlsMaterial {
  const tls: TlsMaterial = {};
  if (isMaterial(options.ca)) tls.ca = options.ca;
  if (isMaterial(options.cert)) tls.cert = options.cert;
  if (isMaterial(options.key)) tls.key = options.key;
  if (options.servername !== undefined) tls.servername = options.servername;
  if (options.rejectUnauthorized !== undefined) tls.rejectUnauthorized = options.rejectUnauthorized;
  return tls;
}

function isMaterial(value: unknown): value is string | Buffer {
  return typeof value === "string" || Buffer.isBuffer(value);
}

function credentialsError(context: ResolvedContext, error: unknown): MigratorError {
  const exec = context.user["exec"];
  const path =
    error instanceof Error && "path" in error && typeof error.path === "string" ? error.path : undefined;
  if (isJsonObject(exec)) return pluginError(context, textAt(exec, "command"), error);
  const what = path === undefined ? "the credentials cannot be read" : `${path} cannot be read`;
  return new MigratorError("KUBECONFIG_INVALID", `context "${context.name}": ${what}`, {
    next: "Correct the file names and the certificate data in the kubeconfig.",
    details: { context: context.name, ...(path === undefined ? {} : { path }) },
  });
}

/** What a plugin prints when it fails may hold a secret, so only how it failed is told. */
function pluginError(context: ResolvedContext, command: string, error: unknown): MigratorError {
  const missing = error instanceof Error && "code" in error && error.code === "ENOENT";
  const late = errorMessage(error) === "no answer in time";
  const how = missing
    ? "is not installed"
    : late
      ? `did not answer in ${pluginTimeoutMs / 1000} s`
      : "failed";
  return new MigratorError(
    "KUBERNETES_CREDENTIALS",
    `context "${context.name}": the exec plugin ${basename(command)} ${how}`,
    {
      next: missing
        ? `Install ${basename(command)} and put it on the PATH.`
        : "Run the plugin by hand to see why.",
      retryable: !missing,
      details: { context: context.name, command },
    },
  );
}
