import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { describe, it } from "node:test";
import { MigratorError } from "../../../errors.ts";
import { signEksToken } from "./eks-token.ts";
import { EksTokens } from "./eks-tokens.ts";

const credentials = {
  accessKeyId: "AKIDEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
  sessionToken: "a/session+token==(with)*odd'chars!~",
};
const signedAt = new Date("2026-11-21T09:08:07.654Z");

const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const encode = (text: string) =>
  [...Buffer.from(text)]
    .map((byte) => {
      const char = String.fromCharCode(byte);
      return /[\w.~-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`;
    })
    .join("");

/** Signature version 4 of the request, step by step as AWS documents it, without its SDK. */
function expectedUrl(cluster: string, region: string, host: string): string {
  const scope = `20261121/${region}/sts/aws4_request`;
  const query = [
    ["Action", "GetCallerIdentity"],
    ["Version", "2011-06-15"],
    ["X-Amz-Security-Token", credentials.sessionToken],
    ["X-Amz-Algorithm", "AWS4-HMAC-SHA256"],
    ["X-Amz-Credential", `${credentials.accessKeyId}/${scope}`],
    ["X-Amz-Date", "20261121T090807Z"],
    ["X-Amz-Expires", "60"],
    ["X-Amz-SignedHeaders", "host;x-k8s-aws-id"],
  ].map(([name = "", value = ""]) => `${encode(name)}=${encode(value)}`);
  const canonical = `GET\n/\n${query.toSorted().join("&")}\nhost:${host}\nx-k8s-aws-id:${cluster}\n\nhost;x-k8s-aws-id\n${sha256("")}`;
  const toSign = `AWS4-HMAC-SHA256\n20261121T090807Z\n${scope}\n${sha256(canonical)}`;
  const key = [region, "sts", "aws4_request"].reduce(
    hmac,
    hmac(`AWS4${credentials.secretAccessKey}`, "20261121"),
  );
  const signature = hmac(key, toSign).toString("hex");
  return `https://${host}/?${[...query, `X-Amz-Signature=${signature}`].join("&")}`;
}

describe("the token for an EKS cluster", () => {
  for (const [region, host] of [
    ["eu-west-1", "sts.eu-west-1.amazonaws.com"],
    ["us-gov-west-1", "sts.us-gov-west-1.amazonaws.com"],
    ["cn-north-1", "sts.cn-north-1.amazonaws.com.cn"],
  ] as const) {
    it(`is the signed URL of the STS of ${region}, byte for byte`, async () => {
      const token = await signEksToken({ clusterName: "prod-1", region, credentials, signedAt });
      const [prefix, body = "", ...rest] = token.split(".");
      assert.equal(prefix, "k8s-aws-v1");
      assert.deepEqual(rest, []);
      assert.match(body, /^[\w-]+$/);
      assert.equal(Buffer.from(body, "base64url").toString(), expectedUrl("prod-1", region, host));
    });
  }
});

describe("tokens for EKS clusters", () => {
  const cluster = {
    clusterName: "prod",
    region: "eu-west-1",
    endpoint: "https://e",
    certificateAuthorityData: "x",
  };

  function tokens(expiration?: Date) {
    const clock = { time: signedAt.getTime(), now: () => clock.time };
    const source = new EksTokens(
      () => Promise.resolve({ ...credentials, ...(expiration && { expiration }) }),
      clock,
    );
    const token = (renew = false, of = cluster) => source.token(of, { renew });
    return { clock, token };
  }

  it("are kept for ten minutes, and signed anew after that", async () => {
    const { clock, token } = tokens();
    const first = await token();
    clock.time += 599_999;
    assert.equal(await token(), first);
    clock.time += 1;
    assert.notEqual(await token(), first);
  });

  it("are not kept longer than the credentials that signed them", async () => {
    const { clock, token } = tokens(new Date(signedAt.getTime() + 60_000));
    const first = await token();
    clock.time += 60_000;
    assert.notEqual(await token(), first);
  });

  it("are signed anew when the server refused the last one", async () => {
    const { clock, token } = tokens();
    const first = await token();
    clock.time += 1_000;
    assert.notEqual(await token(true), first);
    assert.notEqual(await token(), first);
  });

  it("are another one for each cluster", async () => {
    const { token } = tokens();
    assert.notEqual(await token(), await token(false, { ...cluster, clusterName: "staging" }));
  });

  it("fail for now when there are no credentials, naming the role", async () => {
    const source = new EksTokens(() => Promise.reject(new Error("no way")), { now: () => 0 });
    const roleArn = "arn:aws:iam::123456789012:role/calico";
    await assert.rejects(source.token({ ...cluster, roleArn }, { renew: false }), (error: MigratorError) => {
      assert(error instanceof MigratorError);
      assert.equal(error.code, "EKS_CREDENTIALS");
      assert(error.retryable && error.message.includes(roleArn), error.message);
      return true;
    });
  });
});
