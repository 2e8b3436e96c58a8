import assert from "node:assert/strict";
import { isIPv6 } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { parseCidr } from "./cidr.ts";

const CANONICAL: readonly (readonly [given: string, canonical: string, strict: boolean])[] = [
  ["10.64.0.0/26", "10.64.0.0/26", true],
  ["10.64.0.77/26", "10.64.0.64/26", false],
  ["0.0.0.0/0", "0.0.0.0/0", true],
  ["255.255.255.255/32", "255.255.255.255/32", true],
  ["fd00:2::/122", "fd00:2::/122", true],
  ["FD00:0002:0:0:0:0:0:3F/122", "fd00:2::/122", false],
  ["::/0", "::/0", true],
  ["::1/128", "::1/128", true],
  ["2001:db8:0:0:1:0:0:1/128", "2001:db8::1:0:0:1/128", true],
  ["2001:db8:0:1:1:1:1:1/128", "2001:db8:0:1:1:1:1:1/128", true],
  ["10:0:0:0:0:0:0:0/16", "10::/16", true],
  ["1:0:0:2:0:0:0:3/128", "1:0:0:2::3/128", true],
  ["64:ff9b::192.0.2.1/128", "64:ff9b::c000:201/128", true],
];

for (const [given, text, strict] of CANONICAL) {
  test(`${given} is ${text}`, () => {
    assert.deepEqual(parseCidr(given), { text, strict, version: given.includes(":") ? 6 : 4 });
  });
}

const REFUSED = [
  "",
  "10.0.0.0",
  "10.0.0/8",
  "10.0.0.0/33",
  "10.0.0.0/08",
  "10.0.0.0/-1",
  "010.0.0.0/8",
  "256.0.0.0/8",
  "fd00::/129",
  "fd00:::/64",
  "fd00::1::/64",
  "1:2:3:4:5:6:7/64",
  "1:2:3:4:5:6:7:8:9/64",
  "1:2:3:4:5:6:7::8/64",
  "fe80::1%eth0/64",
  "::ffff:192.0.2.0/120",
  "10.0.0.0/8/8",
];

for (const given of REFUSED) {
  test(`"${given}" is no network`, () => {
    assert.equal(parseCidr(given), undefined);
  });
}

test("canonical IPv6 text is an address that reads as itself", () => {
  fc.assert(
    fc.property(fc.ipV6(), fc.integer({ min: 0, max: 128 }), (address, length) => {
      const cidr = parseCidr(`${address}/${length}`);
      if (cidr === undefined) return /ffff:/i.test(address);
      const [network = ""] = cidr.text.split("/");
      return (
        isIPv6(network) && parseCidr(cidr.text)?.text === cidr.text && parseCidr(cidr.text)?.strict === true
      );
    }),
  );
});

test("canonical IPv6 text is the one that the URL standard gives", () => {
  const segment = fc.oneof(
    fc.constant("0"),
    fc.integer({ min: 0, max: 0xffff }).map((value) => value.toString(16)),
  );
  fc.assert(
    fc.property(fc.array(segment, { minLength: 8, maxLength: 8 }), (segments) => {
      const address = segments.join(":");
      fc.pre(!segments.slice(0, 5).every((part) => part === "0"));
      assert.equal(
        parseCidr(`${address}/128`)?.text,
        `${new URL(`http://[${address}]`).hostname.slice(1, -1)}/128`,
      );
    }),
  );
});
