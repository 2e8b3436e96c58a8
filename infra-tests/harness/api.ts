import { KubeConfig } from "@kubernetes/client-node";
import { Pool } from "undici";
import { isJsonObject, type JsonObject } from "../../shared/json.ts";

/** The answer of one request: its status code, and its body when that is a JSON object. */
interface ApiAnswer {
  status: number;
  body: JsonObject;
}

/**
 * A Kubernetes client of the test bed's own, so that tests do not judge the product's client by itself. It neither
 * retries nor throws on an error status.
 */
export interface TestApi {
  readonly server: string;
  /** The bearer token; empty where the kubeconfig authenticates otherwise. */
  readonly token: string;
  /** PEM of the server's authority. */
  readonly ca: string;
  request(method: string, path: string, body?: JsonObject | string, contentType?: string): Promise<ApiAnswer>;
  close(): Promise<void>;
}

/** Opens a client for the current context of a kubeconfig file. */
export async function openApi(kubeconfig: string): Promise<TestApi> {
  const config = new KubeConfig();
  config.loadFromFile(kubeconfig);
  const server = config.getCurrentCluster()?.server ?? "";
  const { ca, cert, key, rejectUnauthorized, headers } = await httpsOptions(config);
  const connect = { ca, cert, key, rejectUnauthorized: rejectUnauthorized ?? true };
  const pool = new Pool(new URL(server).origin, { connections: 16, pipelining: 1, connect });
  const token = (headers["Authorization"] ?? "").replace(/^Bearer /, "");
  return {
    server,
    token,
    ca: ca?.toString() ?? "",
    request: async (method, path, body, contentType = "application/json") => {
      const sent = body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) };
      const answer = await pool.request({
        method,
        path,
        headers: { ...headers, accept: "application/json", "content-type": contentType },
        ...sent,
      });
      return { status: answer.statusCode, body: parseObject(await answer.body.text()) };
    },
    close: () => pool.destroy(),
  };
}

interface HttpsOptions {
  ca?: Buffer | string;
  cert?: Buffer | string;
  key?: Buffer | string;
  rejectUnauthorized?: boolean;
  headers: Record<string, string>;
}

async function httpsOptions(config: KubeConfig): Promise<HttpsOptions> {
  const options: HttpsOptions = { headers: {} };
  await config.applyToHTTPSOptions(options);
  return options;
}

// /readyz and the like answer in plain text.
function parseObject(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : {};
  } catch {
    return {};
  }
}

/** Sends a request and throws an Error with the server's message unless it answers with one of `accepted` or 2xx. */
export async function mustRequest(
  api: TestApi,
  method: string,
  path: string,
  body?: JsonObject | string,
  options: { contentType?: string; accepted?: readonly number[] } = {},
): Promise<JsonObject> {
  const answer = await api.request(method, path, body, options.contentType);
  if (answer.status < 300 || options.accepted?.includes(answer.status) === true) return answer.body;
  throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body["message"] ?? "")}`);
}
