import type { Etcd3, IOptions } from "etcd3";
import { isTokenRefusal, TOKEN_REFUSED } from "./errors.ts";

/** gRPC's options of one call: deadline and interceptors. */
export type CallOptions = NonNullable<Parameters<Etcd3["kv"]["range"]>[1]>;

type Interceptor = NonNullable<CallOptions["interceptors"]>[number];
type Policy = NonNullable<NonNullable<IOptions["faultHandling"]>["global"]>;

/**
 * The options of one call. With `requireLeader`, a member that lost its leader refuses at once instead of letting the
 * caller wait, and ends its watches. `token` is what a login gave.
 */
export function callOptions(call: {
  deadline?: number;
  requireLeader: boolean;
  token: string | undefined;
}): CallOptions {
  const headers: Record<string, string> = {
    ...(call.requireLeader && { hasleader: "true" }),
    ...(call.token !== undefined && { token: call.token }),
  };
  return {
    ...(call.deadline !== undefined && { deadline: call.deadline }),
    interceptors: [sendHeaders(headers)],
  };
}

function sendHeaders(headers: Readonly<Record<string, string>>): Interceptor {
  const intercept = (...[options, nextCall]: Parameters<Interceptor>) => {
    const call = nextCall(options);
    const start = call.start.bind(call);
    call.start = (metadata, listener) => {
      for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
      start(metadata, listener && renameTokenRefusal(listener));
    };
    return call;
  };
  // gRPC takes any call here; its types ask for a class that only gRPC itself could construct.
  return intercept as Interceptor;
}

type Listener = NonNullable<Parameters<ReturnType<Parameters<Interceptor>[1]>["start"]>[1]>;

/** etcd3 answers a refused token by repeating the call with the same token for ever, unless it cannot recognise it. */
function renameTokenRefusal(listener: Listener): Listener {
  return {
    onReceiveMetadata: (metadata) => listener.onReceiveMetadata?.(metadata),
    onReceiveMessage: (message) => listener.onReceiveMessage?.(message),
    onReceiveStatus: (status) =>
      listener.onReceiveStatus?.(
        isTokenRefusal(status.details) ? { ...status, details: TOKEN_REFUSED } : status,
      ),
  };
}

/**
 * etcd3's own fault handling, switched off: it repeats writes whose outcome is unknown, and shuts an endpoint out for
 * seconds after three failures. `failover.ts` does it instead.
 */
export const NO_FAULT_HANDLING = {
  onSuccess: () => ({ dispose: () => undefined }),
  onFailure: () => ({ dispose: () => undefined }),
  execute: async (call, signal = new AbortController().signal) => call({ signal }),
} satisfies Omit<Policy, "_altReturn"> as Partial<Policy> as Policy;
