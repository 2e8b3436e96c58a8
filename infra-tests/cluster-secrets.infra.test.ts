import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, it, type TestContext } from "node:test";
import { inspect } from "node:util";
import { GetSecretValueCommand, SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import type { ClusterSecret } from "../shared/adapters/aws/secrets/cluster-secret.ts";
import {
  SecretsManagerConnections,
  type SecretsManagerConnectionsOptions,
} from "../shared/adapters/aws/secrets/connections.ts";
import { secretValuesOf } from "../shared/adapters/aws/secrets/cluster-secret.ts";
import { deleteClusterSecret, putClusterSecret } from "../shared/adapters/aws/secrets/writer.ts";
import { SystemClock } from "../shared/adapters/system-clock.ts";
import { MigratorError } from "../shared/errors.ts";
import { storedKubeconfigFrom } from "../shared/kubernetes/stored-kubeconfig-files.ts";
import type { ClusterConnections } from "../shared/migrations/connections.ts";
import {
  type Authority,
  createAuthority,
  createCertificate,
  writeCertificate,
} from "./harness/certificates.ts";
import { type EtcdHandle, startEtcd } from "./harness/etcd.ts";
import { type KubernetesHandle, startKubernetes } from "./harness/kubernetes.ts";
import { type LocalStack, startLocalStack } from "./harness/localstack/index.ts";
import { removeFolder, temporaryFolder } from "./harness/temporary-folder.ts";

const prefix = `calico-migrator/test-${randomBytes(4).toString("hex")}/`;
const rules = { allowLoopback: true };
const hourMs = 3_600_000;
/** Long enough to connect with, short enough to wait for. */
const shortLifeMs = 10_000;
const namespace = { apiVersion: "v1", plural: "namespaces", name: "default" };

/** An API server and an etcd that trust client certificates of an authority of this test's own. */
interface World {
  folder: string;
  authority: Authority;
  localStack: LocalStack;
  kubernetes: KubernetesHandle;
  etcd: EtcdHandle;
  secrets: SecretsManagerClient;
}

let world: World;

before(async () => {
  const folder = temporaryFolder("cluster-secrets");
  const authority = createAuthority("test authority of clients");
  const { cert: caFile } = writeCertificate(folder, "clients-ca", authority);
  const [localStack, kubernetes, etcd] = await Promise.all([
    startLocalStack(),
    startKubernetes({ local: true, apiServerArgs: [`--client-ca-file=${caFile}`] }),
    startEtcd({ tls: true, extraArgs: [`--trusted-ca-file=${caFile}`] }),
  ]);
  const { endpoint, region, credentials } = localStack;
  const secrets = new SecretsManagerClient({ endpoint, region, credentials });
  world = { folder, authority, localStack, kubernetes, etcd, secrets };
});

after(async () => {
  world.secrets.destroy();
  await Promise.all([world.kubernetes.stop(), world.etcd.stop(), world.localStack.stop()]);
  removeFolder(world.folder);
});

/** A person's kubeconfig with files, and etcd's material, for an administrator whose certificate is valid for so long. */
async function secretValidFor(lifeMs: number): Promise<ClusterSecret> {
  const { folder, authority, kubernetes, etcd } = world;
  const request = { commonName: "test-admin", organization: "system:masters" };
  const certificate = createCertificate(authority, { ...request, notAfter: new Date(Date.now() + lifeMs) });
  writeCertificate(folder, "admin", certificate);
  await writeFile(join(folder, "ca.crt"), kubernetes.api.ca);
  const kubeconfig = join(folder, "kubeconfig");
  await writeFile(
    kubeconfig,
    JSON.stringify({
      "current-context": "test",
      contexts: [{ name: "test", context: { cluster: "test", user: "admin" } }],
      clusters: [{ name: "test", cluster: { server: kubernetes.server, "certificate-authority": "ca.crt" } }],
      users: [{ name: "admin", user: { "client-certificate": "admin.crt", "client-key": "admin.key" } }],
    }),
  );
  const stored = await storedKubeconfigFrom({ kubeconfig }, rules);
  const ca = await readFile(etcd.caFile ?? "", "utf8");
  return {
    version: 1,
    kubeconfig: stored.kubeconfig(),
    etcd: { endpoints: [etcd.endpoint], ca, cert: certificate.cert, key: certificate.key },
  };
}

function put(name: string, secret: ClusterSecret): Promise<unknown> {
  return putClusterSecret({ secrets: world.secrets, prefix, name, secret, rules });
}

function connectionsFor(
  t: TestContext,
  options: Partial<SecretsManagerConnectionsOptions> = {},
): SecretsManagerConnections {
  const connections = new SecretsManagerConnections({
    secrets: world.secrets,
    prefix,
    clock: new SystemClock(),
    concurrency: 4,
    userAgent: "calico-migrator-test",
    eksToken: () => Promise.reject(new Error("no EKS here")),
    ...rules,
    ...options,
  });
  t.after(() => connections.close());
  return connections;
}

async function use({ kubernetes, etcd }: ClusterConnections): Promise<void> {
  const found = await kubernetes.get(namespace);
  assert.equal((found["metadata"] as { name?: string }).name, "default");
  assert((await etcd().status()).leader);
}

describe("clusters whose access is in Secrets Manager", () => {
  it("are reached, both API server and etcd, by what was stored", async (t) => {
    const secret = await secretValidFor(hourMs);
    await put("reached", secret);
    const learnt: string[] = [];
    const connections = connectionsFor(t, { learn: (values) => learnt.push(...values) });
    await use(await connections.open("reached"));
    assert.deepEqual(learnt.toSorted(), secretValuesOf(secret).toSorted());
    const { SecretString: text } = await world.secrets.send(
      new GetSecretValueCommand({ SecretId: `${prefix}reached` }),
    );
    assert.deepEqual(JSON.parse(text ?? ""), secret);
  });

  it("on loopback are refused where that is not allowed, before anything is sent", async (t) => {
    await put("loopback", await secretValidFor(hourMs));
    await assert.rejects(connectionsFor(t, { allowLoopback: false }).open("loopback"), {
      code: "CLUSTER_SECRET_INVALID",
      details: { secret: `${prefix}loopback`, reason: "SERVER_ADDRESS_REFUSED" },
    });
  });

  it("are reached by connections that are already open after the secret was renewed", async (t) => {
    await put("rotated", await secretValidFor(shortLifeMs));
    const opened = await connectionsFor(t).open("rotated");
    await use(opened);
    await put("rotated", await secretValidFor(hourMs));
    await sleep(shortLifeMs + 1_000);
    await opened.kubernetes.get(namespace);
  });

  it("wait with an expired secret, say so, and go on with a new one", async (t) => {
    const secret = await secretValidFor(shortLifeMs);
    await put("expired", secret);
    const connections = connectionsFor(t);
    const opened = await connections.open("expired");
    await opened.kubernetes.get(namespace);
    await sleep(shortLifeMs + 1_000);

    const isRefused = (error: unknown): boolean => {
      assert(error instanceof MigratorError);
      assert.equal(error.code, "CLUSTER_SECRET_REFUSED");
      assert.equal(error.retryable, true);
      assert(error.message.includes(`${prefix}expired`), error.message);
      const shown = inspect(error, { depth: 9, showHidden: true });
      for (const value of secretValuesOf(secret)) assert(!shown.includes(value));
      return true;
    };
    await assert.rejects(opened.kubernetes.get(namespace), isRefused);
    await assert.rejects(opened.etcd().status(), isRefused);
    await assert.rejects(connectionsFor(t).open("expired"), isRefused);

    await put("expired", await secretValidFor(hourMs));
    await use(await connections.open("expired"));
  });

  it("are gone when the secret is deleted, and back when it is put again", async (t) => {
    const secret = await secretValidFor(hourMs);
    await put("deleted", secret);
    await deleteClusterSecret({ secrets: world.secrets, prefix, name: "deleted" });
    const connections = connectionsFor(t);
    await assert.rejects(connections.open("deleted"), { code: "CLUSTER_SECRET_NOT_FOUND" });
    await assert.rejects(connections.open("never"), { code: "CLUSTER_SECRET_NOT_FOUND" });
    await put("deleted", secret);
    await use(await connections.open("deleted"));
  });

  it("on EKS are asked with a token for each moment, and with a new one after a refusal", async (t) => {
    const { kubernetes } = world;
    const { server: endpoint, api, token } = kubernetes;
    const certificateAuthorityData = Buffer.from(api.ca).toString("base64");
    const eks = { clusterName: "test", region: "eu-west-1", endpoint, certificateAuthorityData };
    await put("eks", { version: 1, eks });
    const asked: boolean[] = [];
    const eksToken: SecretsManagerConnectionsOptions["eksToken"] = (_cluster, { renew }) => {
      asked.push(renew);
      return Promise.resolve(renew ? token : "no-longer-valid");
    };
    const opened = await connectionsFor(t, { eksToken }).open("eks");
    await opened.kubernetes.get(namespace);
    assert.deepEqual(asked, [false, true]);
    const next =
      /`calico-migrator clusters add NAME --replace --kubeconfig FILE --etcd-endpoints https:\/\/HOST:2379 --aws`/;
    assert.throws(() => opened.etcd(), { code: "ETCD_NOT_CONFIGURED", next });
    const { etcd } = await secretValidFor(hourMs);
    assert.ok(etcd);
    await put("eks", { version: 1, eks, etcd });
    await use(await connectionsFor(t, { eksToken }).open("eks"));
  });
});
