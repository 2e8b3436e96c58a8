import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { inspect } from "node:util";
import { MigratorError } from "../errors.ts";
import { loadEtcdConfig, parseEtcdMaterial } from "./config.ts";

// A certificate whose key was thrown away.
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
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
const KEY = generateKeyPairSync("ec", {
  namedCurve: "prime256v1",
  privateKeyEncoding: { type: "pkcs8", format: "pem" },
  publicKeyEncoding: { type: "spki", format: "pem" },
}).privateKey;

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "etcd-config-"));
});
after(() => {
  rmSync(folder, { recursive: true });
});

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function failure(input: unknown): Promise<MigratorError> {
  const error: unknown = await loadEtcdConfig(input).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof MigratorError, `no MigratorError but ${inspect(error)}`);
  return error;
}

describe("loadEtcdConfig", () => {
  it("takes endpoints alone, in one spelling and without repetition", async () => {
    const connection = await loadEtcdConfig({
      endpoints: ["http://ETCD.example:2379/", "http://etcd.example:2379", "http://[::1]:2379"],
    });
    assert.deepEqual(connection, { endpoints: ["http://etcd.example:2379", "http://[::1]:2379"] });
  });

  const wrong: [what: string, input: unknown, says: RegExp][] = [
    ["nothing", undefined, /etcd/],
    ["no endpoint", { endpoints: [] }, /endpoints/],
    ["an unknown field", { endpoints: ["http://e:2379"], cafile: "x" }, /cafile/],
    ["no URL", { endpoints: ["10.0.0.1:2379"] }, /endpoints\.0: "10\.0\.0\.1:2379" is not an http/],
    ["another protocol", { endpoints: ["unix:///etcd:0"] }, /endpoints\.0: "unix/],
    ["no port", { endpoints: ["https://etcd.example"] }, /"https:\/\/etcd.example" needs a port/],
    ["a path", { endpoints: ["https://e:2379/v3"] }, /"https:\/\/e:2379\/v3" must end after the port/],
    ["http and https", { endpoints: ["https://a:1", "http://b:1"] }, /endpoints: http and https/],
    [
      "a certificate without its key",
      { endpoints: ["https://e:1"], certFile: "c" },
      /certFile: needs keyFile/,
    ],
    [
      "a key without its certificate",
      { endpoints: ["https://e:1"], keyFile: "k" },
      /keyFile: needs certFile/,
    ],
    ["an authority for http", { endpoints: ["http://e:1"], caFile: "c" }, /caFile: .*https/],
    [
      "a user without a password",
      { endpoints: ["http://e:1"], username: "u" },
      /username: needs passwordFile/,
    ],
    [
      "a password without a user",
      { endpoints: ["http://e:1"], passwordFile: "p" },
      /passwordFile: needs user/,
    ],
  ];
  for (const [what, input, says] of wrong) {
    it(`refuses ${what}`, async () => {
      const error = await failure(input);
      assert.equal(error.code, "ETCD_CONFIG_INVALID");
      assert.match(error.message, says);
      assert.equal(error.retryable, false);
    });
  }

  it("takes what is wrong (ETCD_CONFIG_INVALID) once the named fields are corrected", async () => {
    const error = await failure({ endpoints: ["10.0.0.1:2379"], username: "u" });
    assert.equal(error.next, "Correct the named fields.");
    const passwordFile = file("password-of-u", "");
    const corrected = { endpoints: ["http://10.0.0.1:2379"], username: "u", passwordFile };
    const empty = await failure(corrected);
    assert.equal(empty.code, "ETCD_CONFIG_INVALID");
    assert.equal(empty.next, "Write the password of the etcd user into the file.");
    file("password-of-u", "p\n");
    assert.equal((await loadEtcdConfig(corrected)).login?.username, "u");
  });

  it("takes a file (ETCD_FILE_UNREADABLE, ETCD_PEM_INVALID) once it is there, and what it should be", async () => {
    const caFile = join(folder, "later.pem");
    const missing = await failure({ endpoints: ["https://e:1"], caFile });
    assert.equal(missing.code, "ETCD_FILE_UNREADABLE");
    assert.equal(missing.next, "Check the path and the permissions of the file.");
    const advices = [
      ["no certificate", "Give the file in PEM format."],
      [
        CERTIFICATE.replace(/\n[^-]{20}/, "\n"),
        "Get the file again from where etcd's certificates are made.",
      ],
    ] as const;
    for (const [content, next] of advices) {
      file("later.pem", content);
      assert.equal((await failure({ endpoints: ["https://e:1"], caFile })).next, next);
    }
    file("later.pem", CERTIFICATE);
    await loadEtcdConfig({ endpoints: ["https://e:1"], caFile });
    const pair = { certFile: file("cert.pem", CERTIFICATE), keyFile: file("key.pem", KEY) };
    const other = await failure({ endpoints: ["https://e:1"], ...pair });
    assert.equal(other.next, "Give a certificate and the key it was made for.");
    const locked = file("locked.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n");
    const encrypted = await failure({ endpoints: ["https://e:1"], ...pair, keyFile: locked });
    assert.equal(encrypted.next, "Give an unencrypted copy of the key, readable by you alone.");
  });

  it("refuses credentials in a URL without repeating them", async () => {
    const error = await failure({ endpoints: ["https://root:hunter2@etcd:2379"] });
    assert.equal(error.code, "ETCD_CONFIG_INVALID");
    assert.match(error.message, /endpoints\.0: .*passwordFile/);
    assert.doesNotMatch(inspect(error), /hunter2/);
  });

  it("names the field and the file that cannot be read", async () => {
    const caFile = join(folder, "missing.pem");
    const error = await failure({ endpoints: ["https://e:1"], caFile });
    assert.equal(error.code, "ETCD_FILE_UNREADABLE");
    assert.ok(error.message.includes(`caFile ${caFile}`) && error.message.includes("ENOENT"));
  });

  const badPem: [what: string, field: "caFile" | "certFile" | "keyFile", content: string][] = [
    ["an authority that is not PEM", "caFile", "no certificate"],
    ["a key in place of the authority", "caFile", KEY],
    ["a damaged authority", "caFile", CERTIFICATE.replace(/\n[^-]{20}/, "\n")],
    ["a certificate in place of the key", "keyFile", CERTIFICATE],
    ["an encrypted key", "keyFile", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"],
    ["a key of another certificate", "keyFile", KEY],
  ];
  for (const [what, field, content] of badPem) {
    it(`refuses ${what} and does not show it`, async () => {
      const path = file("bad.pem", content);
      const pair = { certFile: file("cert.pem", CERTIFICATE), keyFile: file("key.pem", KEY) };
      const error = await failure({
        endpoints: ["https://e:1"],
        ...(field === "caFile" ? {} : pair),
        [field]: path,
      });
      assert.equal(error.code, "ETCD_PEM_INVALID");
      assert.ok(error.message.includes(`${field} ${path}`), error.message);
      assert.ok(!inspect(error).includes(KEY.slice(30, 60)));
    });
  }

  it("reads the password up to the end of its line, and shows it nowhere", async () => {
    const passwordFile = file("password", "hunter2\n");
    const connection = await loadEtcdConfig({ endpoints: ["http://e:1"], username: "root", passwordFile });
    assert.equal(connection.login?.username, "root");
    assert.equal(connection.login.password.reveal(), "hunter2");
    assert.doesNotMatch(inspect(connection, { depth: 9, showHidden: true }), /hunter2/);
    assert.doesNotMatch(JSON.stringify(connection), /hunter2/);
  });

  it("refuses an empty password", async () => {
    const error = await failure({
      endpoints: ["http://e:1"],
      username: "u",
      passwordFile: file("empty", "\n"),
    });
    assert.equal(error.code, "ETCD_CONFIG_INVALID");
    assert.match(error.message, /passwordFile .*empty/);
  });

  it("reads an authority", async () => {
    const connection = await loadEtcdConfig({
      endpoints: ["https://e:443"],
      caFile: file("ca.pem", CERTIFICATE),
    });
    assert.equal(connection.ca?.toString(), CERTIFICATE);
  });
});

describe("parseEtcdMaterial", () => {
  const refused = (input: unknown): MigratorError => {
    try {
      parseEtcdMaterial(input);
    } catch (error) {
      assert.ok(error instanceof MigratorError, inspect(error));
      return error;
    }
    return assert.fail("accepted");
  };

  it("is the connection that the same content in files gives", async () => {
    const common = { endpoints: ["https://E:1/"], serverName: "etcd", username: "root" };
    const files = { caFile: file("ca.pem", CERTIFICATE), passwordFile: file("password", "hunter2\n") };
    const connection = parseEtcdMaterial({ ...common, ca: CERTIFICATE, password: "hunter2" });
    assert.deepEqual(connection, await loadEtcdConfig({ ...common, ...files }));
    assert.equal(connection.login?.password.reveal(), "hunter2");
    assert.doesNotMatch(inspect(connection, { depth: 9, showHidden: true }), /hunter2/);
  });

  const wrong: [what: string, input: object, code: string, says: RegExp][] = [
    ["a file's name", { caFile: "/ca.pem" }, "ETCD_CONFIG_INVALID", /caFile/],
    ["a certificate without its key", { cert: CERTIFICATE }, "ETCD_CONFIG_INVALID", /cert: needs key/],
    ["a user without a password", { username: "u" }, "ETCD_CONFIG_INVALID", /username: needs password/],
    ["an authority that is not PEM", { ca: "s3cret" }, "ETCD_PEM_INVALID", /^ca /],
    ["a key of another certificate", { cert: CERTIFICATE, key: KEY }, "ETCD_PEM_INVALID", /cert, key/],
  ];
  for (const [what, input, code, says] of wrong) {
    it(`refuses ${what} and does not show it`, () => {
      const error = refused({ endpoints: ["https://e:1"], ...input });
      assert.equal(error.code, code);
      assert.match(error.message, says);
      assert.ok(!/s3cret/.test(inspect(error)) && !inspect(error).includes(KEY.slice(30, 60)));
    });
  }
});
