import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { test } from "node:test";
import { connect, createServer, type TLSSocket } from "node:tls";
import { createAuthority, createCertificate } from "./certificates.ts";

const authority = createAuthority("authority under test");

test("a certificate is signed by its authority and names what was asked for", () => {
  const hosts = ["localhost", "127.0.0.1"];
  const { cert } = createCertificate(authority, { commonName: "server", organization: "group", hosts });
  const parsed = new X509Certificate(cert);
  const issuer = new X509Certificate(authority.cert);
  assert.ok(parsed.checkIssued(issuer) && parsed.verify(issuer.publicKey));
  assert.equal(parsed.subject, "O=group\nCN=server");
  assert.equal(parsed.subjectAltName, "DNS:localhost, IP Address:127.0.0.1");
  assert.deepEqual([parsed.ca, issuer.ca], [false, true]);
});

test("validity is as asked for, to the second", () => {
  const notBefore = new Date("2024-02-29T12:34:56Z");
  const notAfter = new Date("2025-01-02T03:04:05Z");
  const { cert } = createCertificate(authority, { commonName: "old", notBefore, notAfter });
  const parsed = new X509Certificate(cert);
  assert.deepEqual([parsed.validFromDate, parsed.validToDate], [notBefore, notAfter]);
});

test("TLS accepts a pair of server and client, and refuses those of another authority", async (t) => {
  const request = { commonName: "peer", hosts: ["127.0.0.1"] };
  const server = createServer({
    ...createCertificate(authority, request),
    ca: authority.cert,
    requestCert: true,
    rejectUnauthorized: true,
  }).listen(0, "127.0.0.1");
  server.on("secureConnection", (socket) => socket.end("welcome"));
  server.on("tlsClientError", () => undefined);
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as { port: number };

  const good = { port, host: "127.0.0.1", ca: authority.cert, ...createCertificate(authority, request) };
  assert.equal(await greeting(connect(good)), "welcome");
  await assert.rejects(greeting(connect({ ...good, ca: createAuthority("other").cert })));
  const stranger = createCertificate(createAuthority("authority under test"), request);
  await assert.rejects(greeting(connect({ ...good, ...stranger })));
});

async function greeting(socket: TLSSocket): Promise<string> {
  let text = "";
  for await (const piece of socket) text += String(piece);
  if (text === "") throw new Error("turned away");
  return text;
}
