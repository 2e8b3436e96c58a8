import assert from "node:assert/strict";
import type { LookupAddress } from "node:dns";
import { suite, test } from "node:test";
import fc from "fast-check";
import { MigratorError } from "../errors.ts";
import { guardedLookup, refusedKind } from "./stored-kubeconfig-addresses.ts";

const v4 = (first: string) => fc.ipV4().map((address) => address.replace(/^\d+\.\d+/, first));

function groups(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.split(".").map(Number);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

suite("addresses", () => {
  const kinds: [address: string, kind: string | undefined][] = [
    ["127.0.0.1", "loopback"],
    ["127.255.255.254", "loopback"],
    ["::1", "loopback"],
    ["0.0.0.0", "unspecified"],
    ["0.1.2.3", "unspecified"],
    ["::", "unspecified"],
    ["169.254.169.254", "link-local or metadata"],
    ["169.254.170.2", "link-local or metadata"],
    ["fe80::1", "link-local or metadata"],
    ["febf:ffff::", "link-local or metadata"],
    ["fd00:ec2::254", "link-local or metadata"],
    ["fd20:ce::254", "link-local or metadata"],
    ["168.63.129.16", "link-local or metadata"],
    ["100.100.100.200", "link-local or metadata"],
    ["224.0.0.1", "multicast"],
    ["ff02::1", "multicast"],
    ["255.255.255.255", "reserved"],
    ["::ffff:169.254.169.254", "link-local or metadata"],
    ["64:ff9b::a9fe:a9fe", "link-local or metadata"],
    ["2002:a9fe:a9fe::1", "link-local or metadata"],
    ["::127.0.0.1", "loopback"],
    ["10.0.0.1", undefined],
    ["172.16.0.1", undefined],
    ["192.168.1.1", undefined],
    ["100.64.0.1", undefined],
    ["169.253.0.1", undefined],
    ["203.0.113.7", undefined],
    ["fd00::1", undefined],
    ["fd00:ec3::254", undefined],
    ["2001:db8::1", undefined],
    ["::ffff:10.0.0.1", undefined],
  ];
  for (const [address, kind] of kinds) {
    test(`${address} is ${kind ?? "accepted"}`, () => {
      assert.equal(refusedKind(address), kind);
    });
  }

  test("loopback alone is let through by the switch", () => {
    const rules = { allowLoopback: true };
    for (const address of ["127.0.0.1", "::1", "::ffff:127.0.0.1"]) {
      assert.equal(refusedKind(address, rules), undefined, address);
    }
    assert.equal(refusedKind("169.254.169.254", rules), "link-local or metadata");
    assert.equal(refusedKind("0.0.0.0", rules), "unspecified");
  });

  test("an IPv6 address that stands for a refused IPv4 one is refused, whatever the way", () => {
    const bad = fc.oneof(v4("169.254"), v4("127.0"));
    const way = fc.constantFrom<(address: string) => string>(
      (address) => `::ffff:${address}`,
      (address) => `::FFFF:${groups(address)}`,
      (address) => `0:0:0:0:0:ffff:${groups(address)}`,
      (address) => `64:ff9b::${groups(address)}`,
      (address) => `2002:${groups(address)}::`,
    );
    fc.assert(
      fc.property(bad, way, (address, write) => {
        assert.equal(refusedKind(write(address)), refusedKind(address));
        assert.notEqual(refusedKind(address), undefined);
      }),
    );
  });
});

suite("resolving for a connection", () => {
  const resolving = (...addresses: string[]) =>
    guardedLookup({}, (_hostname, _options, callback) => {
      callback(
        null,
        addresses.map((address) => ({ address, family: address.includes(":") ? 6 : 4 })),
      );
    });

  function ask(
    lookup: ReturnType<typeof guardedLookup>,
    all: boolean,
  ): Promise<{ error: Error | null; address: string | LookupAddress[]; family: number | undefined }> {
    return new Promise((resolve) => {
      lookup("cluster.example", { all }, (error, address, family) => {
        resolve({ error, address, family });
      });
    });
  }

  test("gives the addresses that were judged, in either form", async () => {
    const lookup = resolving("10.0.0.1", "2001:db8::1");
    assert.deepEqual(await ask(lookup, false), { error: null, address: "10.0.0.1", family: 4 });
    const { address } = await ask(lookup, true);
    assert.deepEqual(address, [
      { address: "10.0.0.1", family: 4 },
      { address: "2001:db8::1", family: 6 },
    ]);
  });

  test("one refused address among others refuses the name", async () => {
    const { error } = await ask(resolving("10.0.0.1", "169.254.169.254"), true);
    assert(error instanceof MigratorError);
    assert.equal(error.code, "SERVER_ADDRESS_REFUSED");
    assert.match(error.message, /cluster\.example \(169\.254\.169\.254\)/);
    assert.equal(error.retryable, false);
  });

  test("a name that does not resolve is told as Node does", async () => {
    const unknown = Object.assign(new Error("getaddrinfo ENOTFOUND"), { code: "ENOTFOUND" });
    const lookup = guardedLookup({}, (_hostname, _options, callback) => {
      callback(unknown);
    });
    assert.equal((await ask(lookup, true)).error, unknown);
  });
});
