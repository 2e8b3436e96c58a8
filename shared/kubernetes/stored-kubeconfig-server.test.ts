import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { MigratorError } from "../errors.ts";
import { checkServer, type ServerRules } from "./stored-kubeconfig-server.ts";

function codeOf(server: string, rules?: ServerRules): string {
  try {
    checkServer("server", server, rules);
  } catch (error) {
    assert(error instanceof MigratorError, String(error));
    assert.match(error.message, /^server/);
    assert.notEqual(error.next, "");
    return error.code;
  }
  return "accepted";
}

/** The ways to write an IPv4 address that C libraries and URL parsers take. */
const spellings: readonly ((octets: readonly [number, number, number, number]) => string)[] = [
  ([a, b, c, d]) => String(((a << 24) | (b << 16) | (c << 8) | d) >>> 0),
  ([a, b, c, d]) => `0x${(((a << 24) | (b << 16) | (c << 8) | d) >>> 0).toString(16)}`,
  ([a, b, c, d]) => `0${a.toString(8)}.${b}.${c}.${d}`,
  ([a, b, c, d]) => `${a}.${b}.${c}.0x${d.toString(16)}`,
  ([a, b, c, d]) => `${a}.${b}.${(c << 8) | d}`,
  ([a, b, c, d]) => `${a}.${(b << 16) | (c << 8) | d}`,
  ([a, b, c, d]) => `${a}.${b}.${c}.${d}.`,
  ([a, b, c, d]) => `[::ffff:${a}.${b}.${c}.${d}]`,
  ([a, b, c, d]) => `[0:0:0:0:0:FFFF:${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}]`,
];

suite("server of a stored kubeconfig", () => {
  const accepted = [
    "https://10.0.0.1:6443",
    "https://192.168.0.1",
    "https://[2001:db8::1]:6443",
    "https://[fd12::5]",
    "https://cluster.example:6443",
    "https://Cluster.Example/k8s/clusters/c-1",
    "https://ABCDEF.gr7.eu-west-1.eks.amazonaws.com",
  ];
  for (const server of accepted) {
    test(`accepts ${server}`, () => {
      assert.equal(codeOf(server), "accepted");
    });
  }

  const refused: [server: string, code: string][] = [
    ["cluster.example:6443", "SERVER_URL_INVALID"],
    ["ftp://cluster.example", "SERVER_URL_INVALID"],
    ["https://", "SERVER_URL_INVALID"],
    ["https://user:hunter2@cluster.example", "SERVER_URL_INVALID"],
    ["https://@169.254.169.254", "SERVER_URL_INVALID"],
    ["https://cluster.example?x=1", "SERVER_URL_INVALID"],
    ["https://cluster.example#x", "SERVER_URL_INVALID"],
    ["https:\\\\cluster.example", "SERVER_URL_INVALID"],
    ["https://clus\tter.example", "SERVER_URL_INVALID"],
    ["https://127%2e0.0.1", "SERVER_URL_INVALID"],
    ["http://cluster.example", "SERVER_HTTP_REFUSED"],
    ["https://localhost:6443", "SERVER_ADDRESS_REFUSED"],
    ["https://api.localhost.", "SERVER_ADDRESS_REFUSED"],
    ["https://METADATA.google.internal.", "SERVER_ADDRESS_REFUSED"],
    ["https://instance-data.ec2.internal", "SERVER_ADDRESS_REFUSED"],
    ["https://127.0.0.1:6443", "SERVER_ADDRESS_REFUSED"],
    ["https://[::1]:6443", "SERVER_ADDRESS_REFUSED"],
    ["https://0.0.0.0", "SERVER_ADDRESS_REFUSED"],
    ["https://[fe80::1]", "SERVER_ADDRESS_REFUSED"],
    ["https://[fd00:ec2::254]", "SERVER_ADDRESS_REFUSED"],
    ["https://169.254.169.254/latest/meta-data", "SERVER_ADDRESS_REFUSED"],
    ["https:169.254.169.254", "SERVER_ADDRESS_REFUSED"],
    ["https://①⑥⑨.254.169.254", "SERVER_ADDRESS_REFUSED"],
  ];
  for (const [server, code] of refused) {
    test(`refuses ${JSON.stringify(server)}: ${code}`, () => {
      assert.equal(codeOf(server), code);
    });
  }

  test("a password in the URL is not repeated", () => {
    assert.throws(
      () => {
        checkServer("server", "https://user:hunter2@cluster.example");
      },
      (error: Error) => !error.message.includes("hunter2"),
    );
  });

  test("no spelling of an address gets past, be the address harmless or not", () => {
    const octet = fc.nat(255);
    const octets = fc.tuple(fc.integer({ min: 1, max: 223 }), octet, octet, octet);
    fc.assert(
      fc.property(octets, fc.constantFrom(...spellings), (address, spell) => {
        const written = spell(address);
        fc.pre(written !== address.join("."));
        assert.equal(codeOf(`https://${written}:6443`), "SERVER_ADDRESS_REFUSED", written);
      }),
    );
  });

  test("tells the usual spelling of a harmless address", () => {
    const next = (server: string) => {
      try {
        checkServer("server", server);
      } catch (error) {
        return error instanceof MigratorError ? error.next : "";
      }
      return "accepted";
    };
    assert.equal(next("https://0x0a000001"), "Write it as 10.0.0.1.");
    assert.equal(next("https://[::ffff:10.0.0.1]"), "Write it as 10.0.0.1.");
    assert.equal(next("https://[2001:0DB8:0::1]"), "Write it as [2001:db8::1].");
  });

  const followed: [code: string, next: RegExp, wrong: string, right: string, rules?: ServerRules][] = [
    [
      "SERVER_URL_INVALID",
      /^Write it as https:\/\/HOST:PORT\./,
      "cluster.example:6443",
      "https://cluster.example:6443",
    ],
    ["SERVER_URL_INVALID", /^Write it as https:\/\/HOST:PORT\./, "https://", "https://cluster.example:6443"],
    [
      "SERVER_URL_INVALID",
      /^Move them into the fields of the user\./,
      "https://u:p@cluster.example",
      "https://cluster.example",
    ],
    [
      "SERVER_URL_INVALID",
      /^End it after the host, the port or the path\./,
      "https://cluster.example/a?x=1",
      "https://cluster.example/a",
    ],
    [
      "SERVER_HTTP_REFUSED",
      /^Use the https:\/\/ address of the API server\./,
      "http://cluster.example",
      "https://cluster.example",
    ],
    ["SERVER_ADDRESS_REFUSED", /^Write it as 10\.0\.0\.1\./, "https://0x0a000001", "https://10.0.0.1"],
    [
      "SERVER_ADDRESS_REFUSED",
      /^Give the address at which .* is reached over the network\./,
      "https://127.0.0.1:6443",
      "https://10.0.0.1:6443",
    ],
    [
      "SERVER_NOT_ALLOWED",
      /^Use an address that the deployment allows, or/,
      "https://evil.example",
      "https://a.corp.example",
      { allowedServers: ["corp.example"] },
    ],
  ];
  for (const [code, next, wrong, right, rules] of followed)
    test(`${code} is over once it is written as the error says: ${wrong}`, () => {
      const check = (server: string) => {
        checkServer("server", server, rules);
      };
      assert.throws(
        () => {
          check(wrong);
        },
        { code, next },
      );
      check(right);
      const extended = [...(rules?.allowedServers ?? []), "evil.example"];
      if (code === "SERVER_NOT_ALLOWED") checkServer("server", wrong, { allowedServers: extended });
    });

  test("loopback is accepted only with the switch, and nothing else by it", () => {
    for (const server of ["https://127.0.0.1:6443", "https://[::1]:6443", "https://localhost:6443"]) {
      assert.equal(codeOf(server, { allowLoopback: true }), "accepted", server);
    }
    assert.equal(codeOf("https://169.254.169.254", { allowLoopback: true }), "SERVER_ADDRESS_REFUSED");
    assert.equal(codeOf("https://2130706433", { allowLoopback: true }), "SERVER_ADDRESS_REFUSED");
    assert.equal(codeOf("http://127.0.0.1", { allowLoopback: true }), "SERVER_HTTP_REFUSED");
  });

  test("a list of allowed servers takes suffixes of names and whole addresses", () => {
    const allowedServers = ["eks.amazonaws.com", ".corp.example", "10.0.0.1", "[2001:db8::1]"];
    const verdict = (server: string) => codeOf(server, { allowedServers });
    assert.equal(verdict("https://abc.eks.amazonaws.com"), "accepted");
    assert.equal(verdict("https://corp.example"), "accepted");
    assert.equal(verdict("https://10.0.0.1:6443"), "accepted");
    assert.equal(verdict("https://[2001:db8::1]:6443"), "accepted");
    assert.equal(verdict("https://evil-eks.amazonaws.com"), "SERVER_NOT_ALLOWED");
    assert.equal(verdict("https://eks.amazonaws.com.evil.example"), "SERVER_NOT_ALLOWED");
    assert.equal(verdict("https://110.0.0.1"), "SERVER_NOT_ALLOWED");
    assert.equal(codeOf("https://anything.example", { allowedServers: [] }), "accepted");
  });
});
