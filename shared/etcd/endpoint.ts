import { isIP } from "node:net";
import { rootCertificates } from "node:tls";
import { Etcd3, type IOptions, type IWatchCreateRequest, type IWatchResponse } from "etcd3";
import { callOptions, NO_FAULT_HANDLING, type CallOptions } from "./call-options.ts";
import type { EtcdConnection } from "./config.ts";
import { isTokenRefused, toEtcdError } from "./errors.ts";
import type { Login } from "./login.ts";
import { readStream, type StreamWait } from "./read-stream.ts";

/** How long an answer proves that an endpoint is alive. */
const FRESH_MS = 1_000;

/** One member of the etcd cluster. All its failures are MigratorErrors. */
export class Endpoint {
  readonly url: string;
  readonly #etcd: Etcd3;
  readonly #login: Login | undefined;
  #lastAnswer = -Infinity;
  #check: Promise<void> | undefined;

  /** With an address, that is connected to, and the host of the URL is only the name to expect there. */
  constructor(url: string, connection: EtcdConnection, login: Login | undefined, address?: string) {
    this.url = url;
    this.#etcd = new Etcd3(etcdOptions(url, connection, address));
    this.#login = login;
  }

  /** Resolves once the endpoint has answered, now or a moment ago; calls that wait at the same time share a question. */
  ready(deadline: number): Promise<void> {
    if (performance.now() - this.#lastAnswer < FRESH_MS) return Promise.resolve();
    this.#check ??= this.#ask(deadline).finally(() => {
      this.#check = undefined;
    });
    return this.#check;
  }

  /** Makes one call, with another login when etcd no longer takes the last one. */
  async call<T>(
    deadline: number,
    perform: (etcd: Etcd3, options: CallOptions) => Promise<T>,
    requireLeader = true,
  ): Promise<T> {
    const attempt = async () => {
      const token = await this.#login?.token(this.#etcd, deadline);
      return perform(this.#etcd, callOptions({ deadline, requireLeader, token }));
    };
    try {
      const answer = await this.#withNewLogin(attempt);
      this.#lastAnswer = performance.now();
      return answer;
    } catch (error) {
      throw this.#failed(error);
    }
  }

  /** Opens one watch and yields the server's answers; ends, or throws, when the stream does. */
  async *watch(request: IWatchCreateRequest, wait: StreamWait): AsyncGenerator<IWatchResponse, void> {
    try {
      const token = await this.#login?.token(this.#etcd, Date.now() + wait.timeoutMs);
      const stream = await this.#etcd.watchClient.watch(callOptions({ requireLeader: true, token }));
      stream.write({ create_request: request });
      yield* readStream<IWatchResponse>(stream, wait);
    } catch (error) {
      wait.signal?.throwIfAborted();
      if (isTokenRefused(error)) this.#login?.forget();
      throw this.#failed(error);
    }
  }

  close(): void {
    this.#etcd.close();
  }

  async #ask(deadline: number): Promise<void> {
    await this.call(deadline, (etcd, options) => etcd.maintenance.status(options), false);
  }

  async #withNewLogin<T>(attempt: () => Promise<T>): Promise<T> {
    try {
      return await attempt();
    } catch (error) {
      if (!this.#login || !isTokenRefused(error)) throw error;
      this.#login.forget();
      return attempt();
    }
  }

  #failed(error: unknown): Error {
    this.#lastAnswer = -Infinity;
    return toEtcdError(error, this.url);
  }
}

function etcdOptions(url: string, connection: EtcdConnection, address?: string): IOptions {
  const serverName = connection.serverName ?? (address === undefined ? undefined : nameOf(url));
  const credentials = tlsCredentials(url, connection);
  return {
    hosts: [address === undefined ? url : withHost(url, address)],
    ...(credentials && { credentials }),
    faultHandling: { global: NO_FAULT_HANDLING, host: () => NO_FAULT_HANDLING },
    grpcOptions: {
      // Calico's larger values, many to a page, exceed gRPC's default of 4 MiB; pages bound the memory.
      "grpc.max_receive_message_length": -1,
      "grpc.max_send_message_length": -1,
      "grpc.keepalive_time_ms": 10_000,
      "grpc.keepalive_timeout_ms": 5_000,
      "grpc.initial_reconnect_backoff_ms": 100,
      "grpc.max_reconnect_backoff_ms": 1_000,
      // As etcd's own clients, which reach etcd directly whatever the environment says about proxies.
      "grpc.enable_http_proxy": 0,
      ...(serverName !== undefined && {
        "grpc.ssl_target_name_override": serverName,
        "grpc.default_authority": serverName,
      }),
    },
  };
}

function withHost(url: string, address: string): string {
  const { protocol, port } = new URL(url);
  return `${protocol}//${address.includes(":") ? `[${address}]` : address}:${port === "" ? defaultPort(protocol) : port}`;
}

/** URL leaves out the port that is its protocol's own. */
function defaultPort(protocol: string): string {
  return protocol === "https:" ? "443" : "80";
}

/** The name that a certificate has to have; undefined for an address, which is connected to as it is. */
function nameOf(url: string): string | undefined {
  const { hostname } = new URL(url);
  return isIP(hostname.replace(/^\[|\]$/g, "")) === 0 ? hostname : undefined;
}

function tlsCredentials(url: string, { ca, cert, key }: EtcdConnection): IOptions["credentials"] {
  if (!url.startsWith("https:")) return undefined;
  return {
    rootCertificate: ca ?? Buffer.from(rootCertificates.join("\n")),
    ...(cert && key && { certChain: cert, privateKey: key.reveal() }),
  };
}
