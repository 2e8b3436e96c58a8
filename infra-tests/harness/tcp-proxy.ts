import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { EtcdAddress } from "./etcd-kv.ts";
import { freePort } from "./ports.ts";

/** A TCP proxy before an etcd; TLS passes through it untouched. */
export interface TcpProxy extends EtcdAddress {
  /** Connections stay open, new ones are accepted, and nothing more gets through, until {@link TcpProxy.resume}. */
  stall(): void;
  resume(): void;
  /** Closes the connections there are; new ones work. */
  cut(): void;
  /** Closes the connections there are and refuses new ones, until {@link TcpProxy.accept}. */
  refuse(): Promise<void>;
  accept(): Promise<void>;
  /** From now on every piece of data is this late, in both directions. 0 ends it. */
  delay(ms: number): void;
  stop(): Promise<void>;
}

/** Starts a proxy that faults can be asked of, before an etcd on this machine. */
export async function startTcpProxy(target: EtcdAddress): Promise<TcpProxy> {
  const proxied = new URL(target.endpoint);
  const port = await freePort();
  const sockets = new Set<Socket>();
  const conditions: Conditions = { delayMs: 0, gate: Promise.resolve() };
  let open = () => {};
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ port: Number(proxied.port), host: proxied.hostname, allowHalfOpen: true });
    join(client, upstream, conditions);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    }
  });
  const cut = () => {
    for (const socket of sockets) socket.destroy();
  };
  const accept = async () => {
    await once(server.listen(port, "127.0.0.1"), "listening");
    server.unref();
  };
  const refuse = async () => {
    const closed = once(server, "close");
    server.close();
    cut();
    await closed;
  };
  await accept();
  return {
    ...target,
    endpoint: `${proxied.protocol}//127.0.0.1:${port}`,
    stall: () => {
      conditions.gate = new Promise((resolve) => (open = resolve));
    },
    resume: () => {
      open();
    },
    cut,
    refuse,
    accept,
    delay: (ms) => {
      conditions.delayMs = ms;
    },
    stop: async () => {
      open();
      if (server.listening) await refuse();
    },
  };
}

interface Conditions {
  delayMs: number;
  /** Data waits for this. */
  gate: Promise<void>;
}

function join(client: Socket, upstream: Socket, conditions: Conditions): void {
  for (const [from, to] of [
    [client, upstream],
    [upstream, client],
  ] as const) {
    void relay(from, to, conditions).catch(() => from.destroy());
    from.once("close", () => to.destroy());
    from.on("error", () => to.destroy());
  }
}

// Reading only after the last piece was passed on keeps order and lets the sender feel that nothing moves.
async function relay(from: Socket, to: Socket, conditions: Conditions): Promise<void> {
  for await (const piece of from.iterator({ destroyOnReturn: false })) {
    if (conditions.delayMs > 0) await sleep(conditions.delayMs);
    await conditions.gate;
    if (!to.write(piece as Buffer)) await once(to, "drain");
  }
  to.end();
}
