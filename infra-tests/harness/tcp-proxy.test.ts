import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

const echo = createServer((socket) => socket.on("error", () => undefined).pipe(socket));
let proxy: TcpProxy;

before(async () => {
  await once(echo.listen(0, "127.0.0.1"), "listening");
});
after(() => {
  echo.close();
});
beforeEach(async () => {
  const { port } = echo.address() as { port: number };
  proxy = await startTcpProxy({ endpoint: `http://127.0.0.1:${port}` });
});
afterEach(() => proxy.stop());

async function open(): Promise<Socket> {
  const { port, hostname } = new URL(proxy.endpoint);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  return socket.on("error", () => undefined);
}

async function ask(socket: Socket, text: string): Promise<string> {
  socket.write(text);
  const [answer] = (await once(socket, "data")) as [Buffer];
  return answer.toString();
}

test("data passes both ways and in order", async () => {
  const socket = await open();
  assert.equal(await ask(socket, "hello"), "hello");
  const large = Buffer.alloc(3_000_000, "0123456789");
  const received = socket.take(Number.MAX_SAFE_INTEGER).toArray();
  socket.end(large);
  assert.ok(Buffer.concat((await received) as Buffer[]).equals(large));
});

test("a stalled proxy holds data back without closing anything, and lets it through afterwards", async () => {
  const socket = await open();
  proxy.stall();
  const answer = ask(socket, "held");
  assert.equal(await Promise.race([answer, sleep(60, "nothing")]), "nothing");
  assert.equal(await Promise.race([ask(await open(), "new"), sleep(60, "nothing")]), "nothing");
  proxy.resume();
  assert.equal(await answer, "held");
});

test("cut closes what is open and lets new connections in", async () => {
  const socket = await open();
  await ask(socket, "hello");
  const closed = once(socket, "close");
  proxy.cut();
  await closed;
  assert.equal(await ask(await open(), "again"), "again");
});

test("refuse turns new connections away until accept, at the same address", async () => {
  await proxy.refuse();
  await assert.rejects(open(), { code: "ECONNREFUSED" });
  await proxy.accept();
  assert.equal(await ask(await open(), "back"), "back");
});

test("delay makes every answer late", async () => {
  proxy.delay(40);
  const socket = await open();
  const started = performance.now();
  await ask(socket, "slow");
  assert.ok(performance.now() - started >= 75, "once in each direction");
});
