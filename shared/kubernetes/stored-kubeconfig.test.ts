import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { suite, test } from "node:test";
import { inspect } from "node:util";
import { parse } from "yaml";
import { MigratorError } from "../errors.ts";
import type { JsonObject } from "../json.ts";
import { parseStoredKubeconfig, type StoredKubeconfigRules } from "./stored-kubeconfig.ts";
import { storedKubeconfigFrom } from "./stored-kubeconfig-files.ts";
import { temporaryFolder } from "./testing/connect-fake.ts";

// A certificate whose key was thrown away.
const certificate = `-----BEGIN CERTIFICATE-----
MIIBdTCCARugAwIBAgIUFqZ4W/3ljpf++f55IMwRdo5KUzcwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEZXRjZDAgFw0yNjExMjEwOTExNDBaGA8yMTI2MTAyODA5MTE0
MFowDzENMAsGA1UEAwwEZXRjZDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABL1k
GeGleo3Q7GrTcGBuDrNf36uPbCfJyRRhPHGZNwCvpRmMo1c3e6n5EFYPpFTkedAr
M5Wkb+Lz5jHysp1wfKSjUzBRMB0GA1UdDgQWBBT4VsgYuytS73aOgS75qZoT8KQU
sTAfBgNVHSMEGDAWgBT4VsgYuytS73aOgS75qZoT8KQUsTAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0gAMEUCIQCdModyDG+GiGp6xoOG2ZRR8qVq7f/g9Xh2
99HwaSG4MAIgUdskVrmZu8siTE2dRu/w/DzxdbrocSWm7TF7u1gtAIM=
-----END CERTIFICATE-----
`;
const { privateKey: key } = generateKeyPairSync("ec", {
  namedCurve: "prime256v1",
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
});
const base64 = (text: string) => Buffer.from(text).toString("base64");

function kubeconfig(user: JsonObject = { token: "s3cret-token" }, cluster: JsonObject = {}): JsonObject {
  return {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "prod",
    contexts: [
      { name: "prod", context: { cluster: "prod", user: "admin", namespace: "default" } },
      { name: "other", context: { cluster: "other", user: "other" } },
    ],
    clusters: [
      { name: "prod", cluster: { server: "https://10.0.0.1:6443", ...cluster } },
      { name: "other", cluster: { server: "https://10.0.0.2:6443" } },
    ],
    users: [
      { name: "admin", user },
      { name: "other", user: { token: "another-secret" } },
    ],
  };
}

function read(content: JsonObject, rules?: StoredKubeconfigRules) {
  return parseStoredKubeconfig(JSON.stringify(content), rules);
}

function refusal(content: JsonObject, rules?: StoredKubeconfigRules): MigratorError {
  try {
    read(content, rules);
  } catch (error) {
    assert(error instanceof MigratorError, String(error));
    return error;
  }
  return assert.fail("accepted");
}

suite("stored kubeconfig", () => {
  test("keeps the chosen context alone", () => {
    const stored = read(kubeconfig(undefined, { "certificate-authority-data": base64(certificate) }));
    assert.equal(stored.context, "prod");
    assert.equal(stored.server, "https://10.0.0.1:6443");
    assert.equal(stored.user, "admin");
    assert.deepEqual(stored.fields, [
      'clusters["prod"].cluster.server',
      'clusters["prod"].cluster.certificate-authority-data',
      'users["admin"].user.token',
    ]);
    const text = stored.kubeconfig();
    assert.doesNotMatch(text, /another-secret|10\.0\.0\.2/);
    assert.deepEqual((parse(text) as JsonObject)["contexts"], [
      { name: "prod", context: { cluster: "prod", user: "admin" } },
    ]);
    assert.equal(read(kubeconfig(), { context: "other" }).server, "https://10.0.0.2:6443");
  });

  test("what is stored reads as the same cluster again", () => {
    const once = read(
      kubeconfig(
        { token: "t-12345", as: "ops" },
        { "tls-server-name": "kubernetes", extensions: [{ name: "x" }] },
      ),
    );
    const twice = parseStoredKubeconfig(once.kubeconfig());
    assert.equal(twice.kubeconfig(), once.kubeconfig());
    assert.deepEqual(twice.credentials(), once.credentials());
    assert.deepEqual(once.credentials().tls, { servername: "kubernetes" });
  });

  test("credentials become the headers that kubectl sends", () => {
    const headers = (user: JsonObject) => read(kubeconfig(user)).credentials().headers;
    assert.deepEqual(headers({ token: "t-1", username: "u", password: "p" }), {
      authorization: "Bearer t-1",
    });
    assert.deepEqual(headers({ username: "u", password: "p" }), { authorization: `Basic ${base64("u:p")}` });
    assert.deepEqual(headers({ token: "t", as: "jane", "as-groups": ["ops", "net"], "as-uid": "7" }), {
      authorization: "Bearer t",
      "impersonate-user": "jane",
      "impersonate-group": ["ops", "net"],
      "impersonate-uid": "7",
    });
  });

  test("no secret shows when it is printed", () => {
    const stored = read(kubeconfig({ username: "u", password: "hunter2hunter2" }));
    assert.doesNotMatch(inspect(stored, { depth: 9, showHidden: true }) + JSON.stringify(stored), /hunter2/);
    assert.deepEqual(stored.secrets(), ["hunter2hunter2", base64("u:hunter2hunter2")]);
  });

  const users: [what: string, user: JsonObject, code: string, field: string][] = [
    ["an exec plugin", { exec: { command: "aws", args: ["s3cret"] } }, "KUBECONFIG_EXEC_REFUSED", "exec"],
    [
      "an auth provider",
      { "auth-provider": { name: "oidc" } },
      "KUBECONFIG_AUTH_PROVIDER_REFUSED",
      "auth-provider",
    ],
    [
      "a certificate's file",
      { "client-certificate": "/s3cret.crt" },
      "KUBECONFIG_FILE_REFUSED",
      "client-certificate",
    ],
    ["a key's file", { "client-key": "/s3cret.key" }, "KUBECONFIG_FILE_REFUSED", "client-key"],
    ["a token's file", { token: "s3cret", tokenFile: "/s3cret" }, "KUBECONFIG_FILE_REFUSED", "tokenFile"],
    [
      "an impersonation it cannot send",
      { token: "s3cret", as: "x", "as-user-extra": { reason: ["s3cret"] } },
      "KUBECONFIG_IMPERSONATION_REFUSED",
      "as-user-extra",
    ],
    [
      "an unknown field",
      { token: "s3cret", "magic-login": "s3cret" },
      "KUBECONFIG_FIELD_UNKNOWN",
      "magic-login",
    ],
    ["a token that is no text", { token: { s3cret: 1 } }, "KUBECONFIG_INVALID", "token"],
    ["a token of two lines", { token: "s3cret\r\nHost: x" }, "KUBECONFIG_INVALID", "token"],
    ["groups that are no texts", { token: "s3cret", "as-groups": "ops" }, "KUBECONFIG_INVALID", "as-groups"],
    ["nobody", {}, "KUBECONFIG_CREDENTIALS_MISSING", 'users["admin"].user'],
    ["half a login", { password: "s3cret" }, "KUBECONFIG_INVALID", "username and password"],
    [
      "a key that is not base64",
      { "client-key-data": "%s3cret%" },
      "KUBECONFIG_DATA_INVALID",
      "client-key-data",
    ],
    [
      "a key that is none",
      { "client-key-data": base64("s3cret") },
      "KUBECONFIG_DATA_INVALID",
      "client-key-data",
    ],
    [
      "an encrypted key",
      { "client-key-data": base64("-----BEGIN ENCRYPTED PRIVATE KEY-----\ns3cret") },
      "KUBECONFIG_DATA_INVALID",
      "client-key-data",
    ],
    [
      "a certificate without its key",
      { "client-certificate-data": base64(certificate) },
      "KUBECONFIG_DATA_INVALID",
      'users["admin"].user',
    ],
    [
      "a key of another certificate",
      { "client-certificate-data": base64(certificate), "client-key-data": base64(key) },
      "KUBECONFIG_DATA_INVALID",
      "client-key-data",
    ],
  ];
  for (const [what, user, code, field] of users) {
    test(`refuses ${what}`, () => {
      const error = refusal(kubeconfig(user));
      assert.equal(error.code, code);
      assert(error.message.includes(field), error.message);
      assert.notEqual(error.next, "");
      assert.equal(error.retryable, false);
      const shown = inspect(error, { depth: 9 });
      assert(!shown.includes("s3cret") && !shown.includes(base64(key).slice(40, 80)), shown);
    });
  }

  const clusters: [what: string, cluster: JsonObject, code: string][] = [
    ["an authority's file", { "certificate-authority": "/ca.crt" }, "KUBECONFIG_FILE_REFUSED"],
    ["unverified TLS", { "insecure-skip-tls-verify": true }, "KUBECONFIG_INSECURE_TLS_REFUSED"],
    [
      "unverified TLS in another spelling",
      { "insecure-skip-tls-verify": "true" },
      "KUBECONFIG_INSECURE_TLS_REFUSED",
    ],
    ["a proxy", { "proxy-url": "http://proxy:3128" }, "KUBECONFIG_PROXY_REFUSED"],
    ["an unknown field", { "magic-route": "x" }, "KUBECONFIG_FIELD_UNKNOWN"],
    ["plain http", { server: "http://10.0.0.1:8080" }, "SERVER_HTTP_REFUSED"],
    ["a metadata service", { server: "https://169.254.169.254" }, "SERVER_ADDRESS_REFUSED"],
    ["no authority", { "certificate-authority-data": base64("x") }, "KUBECONFIG_DATA_INVALID"],
    [
      "a damaged authority",
      { "certificate-authority-data": base64(certificate.replace(/\n[^-]{20}/, "\n")) },
      "KUBECONFIG_DATA_INVALID",
    ],
  ];
  for (const [what, cluster, code] of clusters) {
    test(`refuses ${what}`, () => {
      const error = refusal(kubeconfig(undefined, cluster));
      assert.equal(error.code, code);
      assert.match(error.message, /^clusters\["prod"\]\.cluster/);
    });
  }

  const followed: [
    code: string,
    next: RegExp,
    wrong: [JsonObject, JsonObject?],
    right: [JsonObject, JsonObject?],
  ][] = [
    [
      "KUBECONFIG_FILE_REFUSED",
      /^Give certificate-authority-data in its place;/,
      [{ token: "t" }, { "certificate-authority": "/ca.crt" }],
      [{ token: "t" }, { "certificate-authority-data": base64(certificate) }],
    ],
    [
      "KUBECONFIG_INSECURE_TLS_REFUSED",
      /^Remove it, and give the cluster's authority as certificate-authority-data\./,
      [{ token: "t" }, { "insecure-skip-tls-verify": true }],
      [{ token: "t" }, { "certificate-authority-data": base64(certificate) }],
    ],
    [
      "KUBECONFIG_PROXY_REFUSED",
      /^Remove it, and make the API server reachable/,
      [{ token: "t" }, { "proxy-url": "http://proxy:3128" }],
      [{ token: "t" }],
    ],
    [
      "KUBECONFIG_IMPERSONATION_REFUSED",
      /^Remove it; as, as-groups and as-uid are kept\./,
      [{ token: "t", as: "x", "as-user-extra": { reason: ["y"] } }],
      [{ token: "t", as: "x", "as-groups": ["g"], "as-uid": "7" }],
    ],
    [
      "KUBECONFIG_FIELD_UNKNOWN",
      /^Remove the field, if the cluster can be reached without it\./,
      [{ token: "t", "magic-login": "x" }],
      [{ token: "t" }],
    ],
    ["KUBECONFIG_INVALID", /^Correct the field in the kubeconfig\./, [{ token: { a: 1 } }], [{ token: "t" }]],
    ["KUBECONFIG_INVALID", /./, [{ password: "p" }], [{ username: "u", password: "p" }]],
    [
      "KUBECONFIG_DATA_INVALID",
      /^Get the kubeconfig again from where the cluster's certificates are made\./,
      [{ token: "t" }, { "certificate-authority-data": base64("x") }],
      [{ token: "t" }, { "certificate-authority-data": base64(certificate) }],
    ],
  ];
  for (const [code, next, wrong, right] of followed)
    test(`${code} is over once it is as the error says: ${JSON.stringify(Object.keys({ ...wrong[0], ...wrong[1] }))}`, () => {
      const error = refusal(kubeconfig(...wrong));
      assert.equal(error.code, code);
      assert.match(error.next, next);
      assert.equal(read(kubeconfig(...right)).context, "prod");
    });

  test("empty fields and switches that are off mean nothing", () => {
    const off = { "insecure-skip-tls-verify": false, "proxy-url": "", "disable-compression": true };
    const stored = read(kubeconfig({ token: "t", tokenFile: "", exec: null }, off));
    assert.deepEqual(stored.fields, ['clusters["prod"].cluster.server', 'users["admin"].user.token']);
  });

  test("other contexts may be as they are", () => {
    const content = kubeconfig();
    const others = [
      { name: "other", user: { exec: { command: "aws" } } },
      { name: "admin", user: { token: "t" } },
    ];
    assert.equal(read({ ...content, users: others }).context, "prod");
  });

  test("text that is no kubeconfig is named without being quoted", () => {
    const broken = [
      "{",
      "s3cret",
      "users: [*s3cret]",
      "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]",
    ];
    for (const text of broken) {
      assert.throws(
        () => parseStoredKubeconfig(text),
        (error: Error) =>
          error instanceof MigratorError &&
          error.code === "KUBECONFIG_INVALID" &&
          !error.message.includes("s3cret"),
        text,
      );
    }
    assert.equal(refusal(kubeconfig(), { context: "nope" }).code, "KUBECONFIG_CONTEXT_MISSING");
  });
});

suite("kubeconfig with files", () => {
  async function files(t: Parameters<typeof temporaryFolder>[0], user: JsonObject, cluster: JsonObject) {
    const folder = await temporaryFolder(t);
    await writeFile(join(folder, "ca.crt"), certificate);
    await writeFile(join(folder, "token"), "from-file\n");
    await writeFile(join(folder, "config"), JSON.stringify(kubeconfig(user, cluster)));
    return { kubeconfig: join(folder, "config") };
  }

  test("embeds them, and is then fit to be stored", async (t) => {
    const source = await files(
      t,
      { token: "shadowed", tokenFile: "token" },
      { "certificate-authority": "ca.crt" },
    );
    const stored = await storedKubeconfigFrom(source);
    assert.deepEqual(stored.credentials(), {
      headers: { authorization: "Bearer from-file" },
      tls: { ca: certificate },
    });
    assert.equal(parseStoredKubeconfig(stored.kubeconfig()).kubeconfig(), stored.kubeconfig());
  });

  test("data wins over the file beside it", async (t) => {
    const cluster = {
      "certificate-authority": "/no/such",
      "certificate-authority-data": base64(certificate),
    };
    const stored = await storedKubeconfigFrom(await files(t, { token: "t" }, cluster));
    assert.equal(stored.credentials().tls.ca, certificate);
  });

  test("names the field and the file that cannot be read, and takes it once it is there", async (t) => {
    const source = await files(t, { "client-key": "gone.key" }, {});
    await assert.rejects(storedKubeconfigFrom(source), (error: MigratorError) => {
      assert.equal(error.code, "KUBECONFIG_FILE_UNREADABLE");
      assert.match(error.message, /users\["admin"\]\.user\.client-key .*gone\.key.*ENOENT/);
      assert.equal(error.next, "Check the path and the permissions of the file.");
      return true;
    });
    const token = await files(t, { tokenFile: "gone.token" }, {});
    await assert.rejects(storedKubeconfigFrom(token), { code: "KUBECONFIG_FILE_UNREADABLE" });
    await writeFile(join(dirname(token.kubeconfig), "gone.token"), "t\n");
    assert.equal((await storedKubeconfigFrom(token)).context, "prod");
  });

  test("refuses an exec plugin all the same, and says what to do instead", async (t) => {
    const source = await files(t, { exec: { command: "aws" } }, {});
    await assert.rejects(storedKubeconfigFrom(source), (error: MigratorError) => {
      assert.equal(error.code, "KUBECONFIG_EXEC_REFUSED");
      assert.match(error.next, /--service-account NAMESPACE\/NAME.*calico-migrator rbac.*EKS/);
      return true;
    });
  });
});
