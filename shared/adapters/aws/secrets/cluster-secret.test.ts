import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, it } from "node:test";
import { inspect } from "node:util";
import { MigratorError } from "../../../errors.ts";
import { checkClusterSecret } from "./checked-secret.ts";
import { type ClusterSecret, parseClusterSecret, secretValuesOf } from "./cluster-secret.ts";
import { secretWithToken } from "./testing/secrets.ts";

const eks = {
  clusterName: "prod",
  region: "eu-west-1",
  endpoint: "https://abc.gr7.eu-west-1.eks.amazonaws.com",
  certificateAuthorityData: "czNjcmV0",
};

function refusal(read: () => unknown): MigratorError {
  try {
    read();
  } catch (error) {
    assert(error instanceof MigratorError, inspect(error));
    return error;
  }
  return assert.fail("accepted");
}

describe("the secret of a cluster", () => {
  it("is read as it was written", () => {
    const etcd = { endpoints: ["https://etcd:2379"], username: "root", password: "hunter2" };
    for (const secret of [
      { ...secretWithToken("t"), etcd },
      { version: 1, eks: { ...eks, roleArn: "arn:aws:iam::123456789012:role/calico" } },
    ]) {
      assert.deepEqual(parseClusterSecret("s", JSON.stringify(secret)), secret);
    }
  });

  const wrong: [what: string, secret: unknown, says: RegExp][] = [
    ["another version", { ...secretWithToken("s3cret"), version: 2 }, /version: /],
    ["an unknown field", { ...secretWithToken("s3cret"), extra: "s3cret" }, /extra/],
    ["no cluster", { version: 1 }, /kubeconfig: exactly one/],
    ["two clusters", { ...secretWithToken("s3cret"), eks }, /kubeconfig: exactly one/],
    ["no text", { version: 1, kubeconfig: ["s3cret"] }, /kubeconfig: /],
    ["no region", { version: 1, eks: { ...eks, region: "s3cret" } }, /eks\.region: is not an AWS region/],
    ["no role", { version: 1, eks: { ...eks, roleArn: "s3cret" } }, /eks\.roleArn: /],
    ["an etcd without endpoints", { ...secretWithToken("t"), etcd: { endpoints: [] } }, /etcd\.endpoints/],
    [
      "a file in place of its content",
      { ...secretWithToken("t"), etcd: { endpoints: ["https://e:1"], caFile: "/s3cret" } },
      /etcd: .*caFile/,
    ],
    [
      "a password sent in the clear",
      { ...secretWithToken("t"), etcd: { endpoints: ["http://e:1"], username: "u", password: "s3cret" } },
      /etcd\.password: .*https/,
    ],
    ["a list", ["s3cret"], /it: /],
  ];
  for (const [what, secret, says] of wrong) {
    it(`is refused with ${what}, and not shown`, () => {
      const error = refusal(() => parseClusterSecret("clusters/a", JSON.stringify(secret)));
      assert.equal(error.code, "CLUSTER_SECRET_INVALID");
      assert.match(error.message, says);
      assert.match(error.message, /clusters\/a/);
      assert.doesNotMatch(inspect(error, { depth: 9 }), /s3cret/);
    });
  }

  it("is refused, and not shown, when it is not JSON", () => {
    const error = refusal(() => parseClusterSecret("clusters/a", '{"token": s3cret'));
    assert.match(error.message, /clusters\/a .*not JSON/);
    assert.doesNotMatch(inspect(error, { depth: 9 }), /s3cret/);
  });

  const unfit: [what: string, secret: ClusterSecret, reason: string, field: RegExp][] = [
    ["a kubeconfig that is none", { version: 1, kubeconfig: "s3cret" }, "KUBECONFIG_INVALID", /kubeconfig/],
    [
      "a metadata service for an API server",
      { version: 1, eks: { ...eks, endpoint: "https://169.254.169.254" } },
      "SERVER_ADDRESS_REFUSED",
      /eks\.endpoint/,
    ],
    [
      "an authority that is none",
      { version: 1, eks },
      "KUBECONFIG_DATA_INVALID",
      /eks\.certificateAuthorityData/,
    ],
    [
      "a loopback etcd",
      { ...secretWithToken("t"), etcd: { endpoints: ["https://10.0.0.1:2379", "https://127.0.0.1:2379"] } },
      "SERVER_ADDRESS_REFUSED",
      /etcd\.endpoints\.1/,
    ],
    [
      "an etcd in an unusual spelling",
      { ...secretWithToken("t"), etcd: { endpoints: ["http://0x7f000001:2379"] } },
      "SERVER_ADDRESS_REFUSED",
      /etcd\.endpoints\.0/,
    ],
    [
      "a certificate that is none",
      { ...secretWithToken("t"), etcd: { endpoints: ["https://e:2379"], ca: "s3cret" } },
      "ETCD_PEM_INVALID",
      /ca holds no PEM/,
    ],
  ];
  for (const [what, secret, reason, field] of unfit) {
    it(`is not used with ${what}`, () => {
      const error = refusal(() => checkClusterSecret("clusters/a", secret));
      assert.equal(error.code, "CLUSTER_SECRET_INVALID");
      assert.equal(error.details["reason"], reason);
      assert.match(error.message, field);
      assert.doesNotMatch(inspect(error, { depth: 9 }), /s3cret/);
    });
  }

  it("is held to the allowed servers, etcd's as well", () => {
    const secret = { ...secretWithToken("t"), etcd: { endpoints: ["http://10.0.0.2:2379"] } };
    const check = (...allowedServers: string[]) => checkClusterSecret("s", secret, { allowedServers });
    assert.equal(check("10.0.0.1", "10.0.0.2").etcd?.endpoints[0], "http://10.0.0.2:2379");
    assert.equal(refusal(() => check("10.0.0.1")).details["reason"], "SERVER_NOT_ALLOWED");
  });
});

describe("the values of a secret", () => {
  it("are all found: tokens, passwords, keys in any form", () => {
    const { privateKey: key } = generateKeyPairSync("ec", {
      namedCurve: "prime256v1",
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
      publicKeyEncoding: { type: "spki", format: "pem" },
    });
    const values = secretValuesOf({
      ...secretWithToken("the-token"),
      etcd: {
        endpoints: ["https://e:1"],
        cert: "-----BEGIN CERTIFICATE-----",
        key,
        username: "root",
        password: "hunter2",
      },
    });
    const lines = key.split("\n").slice(1, -2);
    assert.notEqual(lines.length, 0);
    for (const secret of ["the-token", "hunter2", key, ...lines]) assert(values.includes(secret), secret);
    assert(!values.includes("root"));
  });

  it("are found in a kubeconfig that is refused, too", () => {
    const kubeconfig = JSON.stringify({ users: [{ user: { token: "json-token" } }] });
    assert(secretValuesOf({ version: 1, kubeconfig }).includes("json-token"));
    const yaml = "users:\n- user:\n    client-key-data: c2VjcmV0\n    exec: {}\n";
    assert(secretValuesOf({ version: 1, kubeconfig: yaml }).includes("c2VjcmV0"));
  });
});
