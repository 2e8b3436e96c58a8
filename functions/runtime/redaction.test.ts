import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AWS_KEY_ID, AWS_SECRET_KEY, ETCD_PASSWORD, FORBIDDEN, JWT, KEY, TOKEN } from "../testing/secrets.ts";
import { Redaction } from "./redaction.ts";

function written(value: unknown, redaction = new Redaction()): string {
  return JSON.stringify(value, (key, member: unknown) => redaction.member(key, member));
}

function assertNoSecret(text: string): void {
  for (const secret of FORBIDDEN) assert.ok(!text.includes(secret), `${secret.slice(0, 12)}… in ${text}`);
}

describe("what looks like a secret", () => {
  const texts = {
    "a key": `could not read ${KEY} there`,
    "a key without its end": KEY.slice(0, 80),
    "an encoded key": `client-key-data: ${Buffer.from(KEY).toString("base64")}`,
    "a bearer token": `request failed: authorization: Bearer ${TOKEN}`,
    "a JWT": `401 for ${JWT}`,
    "a password": `{"username":"root","password":"${ETCD_PASSWORD}"}`,
    "a token of YAML": `users:\n- user:\n    token: ${TOKEN}\n`,
    "a login in a URL": `https://root:${encodeURIComponent(TOKEN)}@etcd:2379`,
    "keys of AWS": `AWS_SECRET_ACCESS_KEY=${AWS_SECRET_KEY} for ${AWS_KEY_ID}`,
  };
  for (const [what, text] of Object.entries(texts)) {
    test(`is taken out of texts: ${what}`, () => {
      assertNoSecret(written({ message: text }));
      assertNoSecret(new Redaction().error(new Error(text)).stack ?? "");
    });
  }

  test("is taken out of members by their names, however deep", () => {
    const config = {
      etcd: { password: ETCD_PASSWORD, key: KEY },
      users: [{ user: { token: TOKEN, "client-key-data": KEY } }],
    };
    assertNoSecret(written({ config, kubeconfig: { whole: TOKEN }, secretAccessKey: AWS_SECRET_KEY }));
  });

  test("is taken out of errors and their causes, with all that they carry", () => {
    const cause = Object.assign(new Error(`Bearer ${TOKEN}`), {
      $response: { headers: { authorization: TOKEN } },
    });
    const error = new Error("sending failed", { cause });
    assertNoSecret(written({ error }));
    assert.match(new Redaction().error(error).message, /sending failed/);
  });
});

test("known values are taken out wherever they are, until their owner is forgotten", () => {
  const redaction = new Redaction();
  redaction.learn([TOKEN, ETCD_PASSWORD], "prod");
  assertNoSecret(written({ message: `x${TOKEN}y ${ETCD_PASSWORD}` }, redaction));
  redaction.forget("prod");
  assert.equal(redaction.text(`x${ETCD_PASSWORD}`), `x${ETCD_PASSWORD}`);
});

test("ordinary lines stay as they are", () => {
  for (const line of [
    'the lease "run/etcd-1" expired or was taken over by another worker',
    "waiting for the calico-node pods of 12 nodes",
    "KUBERNETES_UNREACHABLE: https://10.0.0.1:6443 does not answer",
    "arn:aws:secretsmanager:eu-west-1:111122223333:secret:calico-migrator/clusters/east",
  ]) {
    assert.equal(new Redaction().text(line), line);
  }
  assert.equal(written({ token: 7, sequence: 3 }), '{"token":7,"sequence":3}');
});
