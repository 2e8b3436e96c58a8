import type { LookupFunction } from "node:net";
import { type Dispatcher, EnvHttpProxyAgent, Pool, ProxyAgent } from "undici";
import { MigratorError } from "../errors.ts";
import type { Credentials, TlsMaterial } from "./credentials.ts";
import type { Line } from "./transport.ts";

/** One way to an API server: where it is, and what authenticates requests there. */
export interface Access {
  /** Names it in messages: the kubeconfig's context. */
  readonly name: string;
  /** The URL of the API server, as written. */
  readonly server: string;
  /** The proxy that the kubeconfig names for it. */
  readonly proxy?: string;
  /** The credentials as of now; cheap to call again. */
  credentials(): Promise<Credentials>;
}

/** Reads the access from where it is kept; asked again after the server has refused what was read. */
export type ReadAccess = () => Promise<Access>;

/** How to hold connections. */
export interface SessionOptions {
  /** Connections kept alive, which is also the most requests in flight. Default 32. What waits for changes has its own. */
  connections?: number | undefined;
  userAgent: string;
  /** Whose proxy variables count. Default: the process's environment. */
  env?: Readonly<Record<string, string | undefined>>;
  /** Resolves the server's name whenever a connection is opened. Default: as Node does. Proxies resolve it themselves. */
  lookup?: LookupFunction;
}

/** Token files and plugins are asked this often; they keep their own longer answers. */
const credentialsMs = 60_000;
/** A server that refuses brand-new credentials will refuse newer ones too. */
const renewalMs = 10_000;
/** Shorter than the API server's 90 s and than most gateways' limits. */
const keepAliveMs = 45_000;

/** For every kind of Calico's at once, with room; opened as they are needed. */
const waitingConnections = 64;

interface OpenLine extends Line {
  readonly tls: TlsMaterial;
  readonly readAt: number;
}

/**
 * The connections to one API server with the credentials of the moment. Credentials are read again once a minute, and the
 * access itself when the server refuses them; connections are reopened when the TLS part changes.
 */
export class Session {
  readonly context: string;
  readonly server: string;
  readonly #readAccess: ReadAccess;
  readonly #options: SessionOptions;
  #access: Access;
  #line: OpenLine | undefined;
  #opening: Promise<OpenLine> | undefined;
  #renewedAt = -Infinity;

  private constructor(readAccess: ReadAccess, options: SessionOptions, access: Access) {
    this.#readAccess = readAccess;
    this.#options = options;
    this.#access = access;
    this.context = access.name;
    this.server = serverUrl(access).href;
  }

  /** Reads the access; nothing is sent yet. Errors as of `readAccess`, and KUBECONFIG_INVALID for the server URL. */
  static async open(readAccess: ReadAccess, options: SessionOptions): Promise<Session> {
    return new Session(readAccess, options, await readAccess());
  }

  /** The line to send on now. Not a promise in the usual case, as every request asks. */
  current(): Line | Promise<Line> {
    if (this.#line !== undefined && performance.now() - this.#line.readAt < credentialsMs) return this.#line;
    this.#opening ??= this.#reopen();
    return this.#opening;
  }

  /** After a 401 on `refused`: the line with new credentials, or `refused` again where newer ones cannot help. */
  async renew(refused: Line): Promise<Line> {
    if (this.#line !== undefined && this.#line !== refused) return this.#line;
    if (this.#opening === undefined) {
      if (performance.now() - this.#renewedAt < renewalMs) return refused;
      this.#renewedAt = performance.now();
      this.#opening = this.#reload();
    }
    return this.#opening;
  }

  /** Waits for requests in flight, then closes all connections. */
  async close(): Promise<void> {
    await Promise.all([this.#line?.dispatcher.close(), this.#line?.waiting.close()]);
  }

  async #reload(): Promise<OpenLine> {
    try {
      this.#access = await this.#readAccess();
      return await this.#readLine();
    } finally {
      this.#opening = undefined;
    }
  }

  async #reopen(): Promise<OpenLine> {
    try {
      return await this.#readLine();
    } finally {
      this.#opening = undefined;
    }
  }

  async #readLine(): Promise<OpenLine> {
    const credentials = await this.#access.credentials();
    const before = this.#line;
    const url = serverUrl(this.#access);
    const keep = before?.origin === url.origin && sameTls(before.tls, credentials.tls);
    this.#line = {
      dispatcher: keep
        ? before.dispatcher
        : this.#dispatcher(url, credentials, this.#options.connections ?? 32),
      waiting: keep ? before.waiting : this.#dispatcher(url, credentials, waitingConnections),
      origin: url.origin,
      prefix: url.pathname.replace(/\/$/, ""),
      headers: { accept: "application/json", "user-agent": this.#options.userAgent, ...credentials.headers },
      tls: credentials.tls,
      readAt: performance.now(),
    };
    if (!keep) {
      void before?.dispatcher.close();
      void before?.waiting.close();
    }
    return this.#line;
  }

  #dispatcher(url: URL, { tls }: Credentials, connections: number): Dispatcher {
    const shared = {
      connections,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: keepAliveMs,
    };
    const { proxy } = this.#access;
    if (proxy !== undefined) return new ProxyAgent({ ...shared, uri: proxy, requestTls: tls });
    const { env = process.env, lookup } = this.#options;
    const httpProxy = env["http_proxy"] ?? env["HTTP_PROXY"] ?? "";
    const httpsProxy = env["https_proxy"] ?? env["HTTPS_PROXY"] ?? "";
    if ((httpProxy === "" && httpsProxy === "") || isLoopback(url.hostname)) {
      return new Pool(url.origin, { ...shared, connect: { ...tls, ...(lookup && { lookup }) } });
    }
    const noProxy = env["no_proxy"] ?? env["NO_PROXY"] ?? "";
    return new EnvHttpProxyAgent({
      ...shared,
      httpProxy,
      httpsProxy,
      noProxy,
      connect: tls,
      requestTls: tls,
    });
  }
}

function serverUrl(access: Access): URL {
  const url = URL.parse(access.server);
  if (url !== null && (url.protocol === "https:" || url.protocol === "http:")) return url;
  throw new MigratorError(
    "KUBECONFIG_INVALID",
    `context "${access.name}": its cluster's server is not an http(s) URL`,
    { next: "Correct the server of this cluster in the kubeconfig.", details: { context: access.name } },
  );
}

/** As kubectl: what runs on this machine is never asked through a proxy. */
function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || host.startsWith("127.");
}

function sameTls(a: TlsMaterial, b: TlsMaterial): boolean {
  const text = (tls: TlsMaterial): string =>
    [tls.ca, tls.cert, tls.key, tls.servername, tls.rejectUnauthorized]
      .map((part) => part?.toString() ?? "")
      .join("\n");
  return text(a) === text(b);
}
