import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { inspect } from "node:util";
import { MigratorError } from "../../../errors.ts";
import { AdaptiveLimiter } from "../../../kubernetes/limiter.ts";
import type { KubernetesApi } from "../../../kubernetes/types.ts";
import type { CalicoEtcd } from "../../../etcd/types.ts";
import type { CheckedClusterSecret } from "./checked-secret.ts";
import { SecretsManagerConnections, type SecretsManagerConnectionsOptions } from "./connections.ts";
import { FakeSecretsManager } from "./testing/fake-secrets-manager.ts";
import { secretWithToken } from "./testing/secrets.ts";

const version = { apiVersion: "v1", plural: "nodes", name: "n" };
const minute = 60_000;
// A certificate whose key was thrown away.
const AUTHORITY = Buffer.from(
  `-----BEGIN CERTIFICATE-----
MIIBdTCCARugAwIBAgIUFqZ4W/3ljpf++f55IMwRdo5KUzcwCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEZXRjZDAgFw0yNjExMjEwOTExNDBaGA8yMTI2MTAyODA5MTE0
MFowDzENMAsGA1UEAwwEZXRjZDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABL1k
GeGleo3Q7GrTcGBuDrNf36uPbCfJyRRhPHGZNwCvpRmMo1c3e6n5EFYPpFTkedAr
M5Wkb+Lz5jHysp1wfKSjUzBRMB0GA1UdDgQWBBT4VsgYuytS73aOgS75qZoT8KQU
sTAfBgNVHSMEGDAWgBT4VsgYuytS73aOgS75qZoT8KQUsTAPBgNVHRMBAf8EBTAD
AQH/MAoGCCqGSM49BAMCA0gAMEUCIQCdModyDG+GiGp6xoOG2ZRR8qVq7f/g9Xh2
99HwaSG4MAIgUdskVrmZu8siTE2dRu/w/DzxdbrocSWm7TF7u1gtAIM=
-----END CERTIFICATE-----
`,
).toString("base64");

function refused(code: string): MigratorError {
  return new MigratorError(code, "the credentials are not accepted", { next: "Renew them." });
}

function tokenOf({ kubernetes }: CheckedClusterSecret): string {
  const header = kubernetes.kind === "eks" ? "" : kubernetes.stored.credentials().headers["authorization"];
  return String(header).replace("Bearer ", "");
}

/** Clusters that accept one token; connecting to them takes no network. */
async function setUp(t: TestContext, options: Partial<SecretsManagerConnectionsOptions> = {}) {
  const fake = await FakeSecretsManager.start(t);
  const clock = { time: 0, now: () => clock.time };
  const world = {
    accepted: "one",
    opened: [] as string[],
    closed: [] as string[],
    learnt: [] as string[],
    forgotten: [] as string[],
  };
  const answer = (token: string, code: string) =>
    token === world.accepted ? Promise.resolve({ token }) : Promise.reject(refused(code));
  const connections = new SecretsManagerConnections({
    secrets: fake.client,
    prefix: "c/",
    clock,
    concurrency: 4,
    userAgent: "test",
    eksToken: () => Promise.reject(new Error("no EKS here")),
    learn: (values) => world.learnt.push(...values),
    forget: (owner) => world.forgotten.push(owner.replace(/@.*/, "")),
    connect: async (secret, renew) => {
      const token = tokenOf(secret);
      await answer(token, "KUBERNETES_UNAUTHORIZED");
      world.opened.push(token);
      const get = () =>
        answer(token, "KUBERNETES_UNAUTHORIZED").catch(async () =>
          answer(tokenOf(await renew()), "KUBERNETES_UNAUTHORIZED"),
        );
      const kubernetes = { get } as unknown as KubernetesApi;
      const etcd = { status: () => answer(token, "ETCD_AUTH") } as unknown as CalicoEtcd;
      return {
        connections: { kubernetes, limiter: new AdaptiveLimiter(), etcd: () => etcd },
        close: () => Promise.resolve(void world.closed.push(token)),
      };
    },
    ...options,
  });
  const reads = () => fake.calls.filter(({ operation }) => operation === "GetSecretValue").length;
  fake.put("c/prod", secretWithToken("one"));
  return { fake, clock, world, connections, reads };
}

describe("connections from secrets", () => {
  it("are opened once, also when asked for at the same time", async (t) => {
    const { connections, world, reads } = await setUp(t);
    const [one, two] = await Promise.all([connections.open("prod"), connections.open("prod")]);
    assert.equal(one, two);
    assert.equal(await connections.open("prod"), one);
    assert.equal(one.etcd(), two.etcd());
    assert.deepEqual(world.opened, ["one"]);
    assert.equal(reads(), 1);
  });

  it("stay when the secret, read again after five minutes, is the same", async (t) => {
    const { connections, clock, world, reads } = await setUp(t, { cacheMs: 60 * minute });
    const before = await connections.open("prod");
    clock.time += 5 * minute - 1;
    await connections.open("prod");
    assert.equal(reads(), 1);
    clock.time += 1;
    assert.equal(await connections.open("prod"), before);
    assert.equal(reads(), 2);
    assert.deepEqual(world.opened, ["one"]);
  });

  it("are others when the secret has changed, and the old ones end once nobody can use them", async (t) => {
    const { connections, clock, world, fake } = await setUp(t);
    const before = await connections.open("prod");
    fake.put("c/prod", secretWithToken("two"));
    world.accepted = "two";
    clock.time += 5 * minute;
    assert.notEqual(await connections.open("prod"), before);
    assert.deepEqual(world.opened, ["one", "two"]);
    assert.deepEqual(world.closed, []);
    clock.time += 10 * minute;
    await connections.open("prod");
    assert.deepEqual(world.closed, ["one"]);
    assert.deepEqual(world.opened, ["one", "two"]);
  });

  it("of clusters that nobody asks for any more end as well", async (t) => {
    const { connections, clock, world, fake } = await setUp(t);
    fake.put("c/other", secretWithToken("one"));
    await connections.open("prod");
    clock.time += 16 * minute;
    await connections.open("other");
    assert.deepEqual(world.closed, ["one"]);
    assert.equal(world.opened.length, 2);
  });

  it("renew a refused request with the secret of the moment", async (t) => {
    const { connections, world, fake } = await setUp(t);
    const { kubernetes } = await connections.open("prod");
    fake.put("c/prod", secretWithToken("two"));
    world.accepted = "two";
    assert.deepEqual(await kubernetes.get(version), { token: "two" });
  });

  it("wait for a new secret when the cluster refuses the old one, and take it at once", async (t) => {
    const { connections, world, fake } = await setUp(t);
    const { kubernetes, etcd } = await connections.open("prod");
    world.accepted = "two";
    const next =
      /`calico-migrator clusters add prod --replace --aws` and the options that it was added with; the run then goes on by itself/;
    const expected = { code: "CLUSTER_SECRET_REFUSED", retryable: true, next };
    await assert.rejects(kubernetes.get(version), { ...expected, message: /c\/prod is not accepted/ });
    await assert.rejects(etcd().status(), expected);
    // Read again, and still the same.
    await assert.rejects((await connections.open("prod")).etcd().status(), expected);
    fake.put("c/prod", secretWithToken("two"));
    const renewed = await connections.open("prod");
    assert.deepEqual(await renewed.kubernetes.get(version), { token: "two" });
    assert.deepEqual(await renewed.etcd().status(), { token: "two" });
  });

  it("are not opened with a refused secret, until it is a new one", async (t) => {
    const { connections, world, fake } = await setUp(t);
    world.accepted = "two";
    await assert.rejects(connections.open("prod"), {
      code: "CLUSTER_SECRET_REFUSED",
      details: { secret: "c/prod", reason: "KUBERNETES_UNAUTHORIZED" },
    });
    fake.put("c/prod", secretWithToken("two"));
    await connections.open("prod");
    assert.deepEqual(world.opened, ["two"]);
  });

  it("leave other errors as they are", async (t) => {
    const failure = new MigratorError("KUBERNETES_TIMEOUT", "late", { next: "Wait.", retryable: true });
    const { connections } = await setUp(t, { connect: () => Promise.reject(failure) });
    await assert.rejects(connections.open("prod"), failure);
  });

  it("tell a refused address rather than a failed connection", async (t) => {
    const cause = new MigratorError("SERVER_ADDRESS_REFUSED", "no", { next: "x" });
    const failure = new MigratorError("KUBERNETES_UNREACHABLE", "late", {
      next: "Wait.",
      retryable: true,
      cause,
    });
    const { connections } = await setUp(t, { connect: () => Promise.reject(failure) });
    await assert.rejects(connections.open("prod"), cause);
  });

  it("are not given when the secret is gone, broken or refused by the rules", async (t) => {
    const { connections, fake, world } = await setUp(t, { allowedServers: ["10.0.0.1"] });
    await assert.rejects(connections.open("nope"), { code: "CLUSTER_SECRET_NOT_FOUND" });
    fake.put("c/broken", "{");
    await assert.rejects(connections.open("broken"), { code: "CLUSTER_SECRET_INVALID" });
    const elsewhere = { ...secretWithToken("s3cret-token"), etcd: { endpoints: ["http://10.0.0.9:2379"] } };
    fake.put("c/elsewhere", elsewhere);
    await assert.rejects(connections.open("elsewhere"), (error: MigratorError) => {
      assert.equal(error.details["reason"], "SERVER_NOT_ALLOWED");
      assert.doesNotMatch(inspect(error, { depth: 9 }), /s3cret/);
      return true;
    });
    assert.deepEqual(world.opened, []);
  });

  it("tell every secret value before it is used", async (t) => {
    const { connections, world, fake } = await setUp(t);
    fake.put("c/late", secretWithToken("another-token"));
    await assert.rejects(connections.open("late"), { code: "CLUSTER_SECRET_REFUSED" });
    assert(world.learnt.includes("another-token"));
  });

  it("tell whose values nobody uses any more, no sooner than their connections end", async (t) => {
    const { connections, clock, world, fake } = await setUp(t);
    fake.put("c/other", secretWithToken("one"));
    fake.put("c/late", secretWithToken("another-token"));
    await connections.open("prod");
    await assert.rejects(connections.open("late"));
    clock.time += 14 * minute;
    await connections.open("prod");
    clock.time += 2 * minute;
    await connections.open("other");
    assert.deepEqual([world.closed, world.forgotten], [[], ["late"]]);
    clock.time += 14 * minute;
    await connections.open("other");
    assert.deepEqual([world.closed, world.forgotten], [["one"], ["late", "prod"]]);
    await connections.close();
    assert.deepEqual(world.forgotten, ["late", "prod", "other"]);
  });

  it("keep the values of an earlier version until its connections end", async (t) => {
    const { connections, clock, world, fake } = await setUp(t);
    await connections.open("prod");
    fake.put("c/prod", secretWithToken("two"));
    world.accepted = "two";
    clock.time += 5 * minute;
    await connections.open("prod");
    assert.deepEqual(world.forgotten, []);
    clock.time += 10 * minute;
    await connections.open("prod");
    assert.deepEqual([world.closed, world.forgotten], [["one"], ["prod"]]);
  });

  it("of an EKS cluster that is registered without a secret ask for none", async (t) => {
    const eks = {
      clusterName: "east-1",
      region: "eu-west-1",
      endpoint: "https://ABC.gr7.eu-west-1.eks.amazonaws.com",
      certificateAuthorityData: AUTHORITY,
    };
    const seen: CheckedClusterSecret[] = [];
    const closed: string[] = [];
    const { connections, clock, reads } = await setUp(t, {
      eks: (cluster) => Promise.resolve(cluster === "east" ? { ...eks } : undefined),
      connect: (secret) => {
        seen.push(secret);
        return Promise.resolve({
          connections: {
            kubernetes: {} as KubernetesApi,
            limiter: new AdaptiveLimiter(),
            etcd: () => ({}) as CalicoEtcd,
          },
          close: () => Promise.resolve(void closed.push("one")),
        });
      },
    });
    const before = await connections.open("east");
    clock.time += 5 * minute;
    assert.equal(await connections.open("east"), before);
    assert.deepEqual([seen.length, reads()], [1, 0]);
    assert.deepEqual(seen[0]?.kubernetes.kind === "eks" && seen[0].kubernetes.eks, eks);
    eks.endpoint = "https://DEF.gr7.eu-west-1.eks.amazonaws.com";
    clock.time += 5 * minute;
    assert.notEqual(await connections.open("east"), before);
    await connections.open("prod");
    assert.equal(reads(), 1);
  });

  it("of an EKS cluster that refuses the functions say what the cluster lacks, not which secret", async (t) => {
    let hasEntry = false;
    const opened = {
      connections: {
        kubernetes: {} as KubernetesApi,
        limiter: new AdaptiveLimiter(),
        etcd: () => ({}) as CalicoEtcd,
      },
      close: () => Promise.resolve(),
    };
    const { connections } = await setUp(t, {
      eks: () =>
        Promise.resolve({
          ...{ clusterName: "a", region: "eu-west-1", certificateAuthorityData: AUTHORITY },
          endpoint: "https://ABC.gr7.eu-west-1.eks.amazonaws.com",
        }),
      connect: () =>
        hasEntry ? Promise.resolve(opened) : Promise.reject(refused("KUBERNETES_UNAUTHORIZED")),
    });
    await assert.rejects(connections.open("east"), (error: MigratorError) => {
      assert.deepEqual([error.code, error.retryable], ["CLUSTER_SECRET_REFUSED", true]);
      assert.match(error.message, /"east" does not accept the functions' tokens/);
      assert.match(
        error.next,
        /access entries for the roles of .* RunRoleArn, BatchRoleArn and RollbackRoleArn/,
      );
      return true;
    });
    hasEntry = true;
    await connections.open("east");
  });

  it("of an EKS cluster go by the same rules", async (t) => {
    const eks = { clusterName: "a", region: "eu-west-1", certificateAuthorityData: AUTHORITY };
    const endpoint = "https://169.254.169.254";
    const { connections, world } = await setUp(t, { eks: () => Promise.resolve({ ...eks, endpoint }) });
    await assert.rejects(connections.open("east"), { code: "CLUSTER_SECRET_INVALID" });
    assert.deepEqual(world.opened, []);
  });

  it("all end on request", async (t) => {
    const { connections, world, fake } = await setUp(t);
    fake.put("c/other", secretWithToken("one"));
    await Promise.all([connections.open("prod"), connections.open("other")]);
    await connections.close();
    assert.deepEqual(world.closed, ["one", "one"]);
  });
});
