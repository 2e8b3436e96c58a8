import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { parse } from "yaml";
import { KubernetesApiError } from "../../../shared/kubernetes/errors.ts";
import type { ApiRequest } from "../../../shared/kubernetes/types.ts";
import type { ClusterConnections } from "../../../shared/migrations/connections.ts";
import { type FakeStack, withFakeStack } from "../../testing/fake-stack.ts";
import { type FakeWorld, fakeWorld, runIn, runOnAws } from "../../testing/fake-world.ts";

const TOKEN = "not-a-real-token";

function deployed(t: TestContext): { world: FakeWorld; stack: FakeStack; add: string[] } {
  const world = fakeWorld(t);
  const stack = withFakeStack(t, world);
  return { world, stack, add: ["clusters", "add", "prod", "--kubeconfig", world.kubeconfig] };
}

/** The world with an API server that answers a request for a token. */
function withTokens(
  world: FakeWorld,
  answer: () => Promise<object>,
): { world: FakeWorld; asked: ApiRequest[] } {
  const asked: ApiRequest[] = [];
  const request = async (one: ApiRequest): Promise<object> => {
    asked.push(one);
    return { status: 201, body: await answer() };
  };
  const connections = { kubernetes: { request } } as unknown as ClusterConnections;
  const openCluster = (): ReturnType<FakeWorld["openCluster"]> =>
    Promise.resolve({ connections, close: () => Promise.resolve() });
  return { world: { ...world, openCluster }, asked };
}

describe("clusters add --aws", () => {
  test("stores the chosen context as a secret, registers the cluster, and shows no value", async (t) => {
    const { world, stack, add } = deployed(t);
    const { code, stdout, stderr } = await runOnAws(world, ...add, "-l", "env=prod");
    assert.deepEqual([code, stdout], [0, "prod\n"], stderr);
    assert.match(stderr, /user: +u\n +stored: .*users\["u"\]\.user\.token/);
    assert.doesNotMatch(stderr + stdout, new RegExp(TOKEN));
    assert.match(stack.secretsOf.get("prod")?.kubeconfig ?? "", new RegExp(TOKEN));
    assert.deepEqual(await stack.clusters.get("prod"), {
      name: "prod",
      labels: { env: "prod" },
      server: "https://prod.example.com:6443/",
      etcdEndpoints: [],
      secretArn: "arn:aws:secretsmanager:eu-central-1:1:secret:prod",
    });
    assert.deepEqual(stack.probed, ["prod"]);
    assert.match((await runOnAws(world, "clusters", "-o", "wide")).stdout, /prod +https:\/\/prod.* env=prod/);
  });

  test("takes what the files of etcd hold, by content", async (t) => {
    const { world, stack, add } = deployed(t);
    writeFileSync(join(world.folder, "password"), "secret-of-etcd\n");
    const etcd = ["--etcd-endpoints", "https://10.0.0.1:2379", "--etcd-username", "calico"];
    const line = [...add, ...etcd, "--etcd-password-file", "password", "--no-probe"];
    const { code, stderr } = await runOnAws(world, ...line);
    assert.equal(code, 0, stderr);
    assert.deepEqual(stack.secretsOf.get("prod")?.etcd, {
      endpoints: ["https://10.0.0.1:2379"],
      username: "calico",
      password: "secret-of-etcd",
    });
    assert.match(stderr, /etcd\.password/);
    assert.doesNotMatch(stderr, /secret-of-etcd/);
    assert.deepEqual(stack.probed, []);
  });

  test("refuses what cannot be stored, and stores nothing", async (t) => {
    const { world, stack, add } = deployed(t);
    const config = JSON.parse(readFileSync(world.kubeconfig, "utf8")) as { users: { user: object }[] };
    config.users = [{ ...config.users[0], user: { exec: { command: "aws" } } }];
    writeFileSync(world.kubeconfig, JSON.stringify(config));
    const { code, stderr } = await runOnAws(world, ...add);
    assert.deepEqual([code, /\(KUBECONFIG_EXEC_REFUSED\)/.test(stderr)], [1, true], stderr);
    assert.deepEqual([stack.secretsOf.size, await stack.clusters.list()], [0, []]);
  });

  test("names a file of an EKS cluster's kubeconfig that is not there (KUBECONFIG_FILE_UNREADABLE), and takes it once it is", async (t) => {
    const { world, stack, add } = deployed(t);
    const config = JSON.parse(readFileSync(world.kubeconfig, "utf8")) as { clusters: { cluster: object }[] };
    const file = join(world.folder, "ca.pem");
    config.clusters = config.clusters.map((one) => ({
      ...one,
      cluster: { ...one.cluster, "certificate-authority": file },
    }));
    writeFileSync(world.kubeconfig, JSON.stringify(config));
    const line = [...add, "--eks", "shop", "--eks-region", "eu-west-1"];
    const { stderr } = await runOnAws(world, ...line);
    assert.match(
      stderr,
      /\(KUBECONFIG_FILE_UNREADABLE\)\nnext: Check the path and the permissions of the file/,
    );
    assert.ok(stderr.includes(file), stderr);
    writeFileSync(file, "authority");
    assert.equal((await runOnAws(world, ...line)).code, 0);
    const registered = await stack.clusters.get("prod");
    assert.equal(registered?.eks?.certificateAuthorityData, Buffer.from("authority").toString("base64"));
  });

  for (const [code, user] of Object.entries({
    KUBECONFIG_EXEC_REFUSED: { exec: { command: "aws" } },
    KUBECONFIG_AUTH_PROVIDER_REFUSED: { "auth-provider": { name: "oidc" } },
    KUBECONFIG_CREDENTIALS_MISSING: {},
  }))
    test(`takes a cluster without credentials that can be stored as it says (${code})`, async (t) => {
      const { world: plain, add } = deployed(t);
      const config = JSON.parse(readFileSync(plain.kubeconfig, "utf8")) as object;
      writeFileSync(plain.kubeconfig, JSON.stringify({ ...config, users: [{ name: "u", user }] }));
      const status = { token: "of-the-account", expirationTimestamp: "2026-02-01T00:00:00Z" };
      const { world } = withTokens(plain, () => Promise.resolve({ status }));
      const { stderr } = await runOnAws(world, ...add);
      assert.match(
        stderr,
        new RegExp(`\\(${code}\\)\nnext: Add it with --service-account NAMESPACE/NAME, .* with --eks`),
      );
      const added = await runOnAws(world, ...add, "--service-account", "ops/robot");
      assert.equal(added.code, 0, added.stderr);
      const eks = ["--eks", "shop", "--eks-region", "eu-west-1", "--replace"];
      assert.equal((await runOnAws(world, ...add, ...eks)).code, 0);
    });

  test("does not replace a cluster unless asked to, and tries before it stores", async (t) => {
    const { world, stack, add } = deployed(t);
    await runOnAws(world, ...add);
    const before = stack.secretsOf.get("prod");
    assert.match((await runOnAws(world, ...add)).stderr, /\(CLUSTER_EXISTS\)\nnext: .*--replace/);
    stack.secrets.probe = () => Promise.reject(new Error("no way there"));
    assert.equal((await runOnAws(world, ...add, "--replace")).code, 1);
    assert.equal(stack.secretsOf.get("prod"), before);
    assert.equal((await runOnAws(world, ...add, "--replace", "--no-probe")).code, 0);
    assert.notEqual(stack.secretsOf.get("prod"), before);
  });

  test("asks for a token of a service account, and stores that alone", async (t) => {
    const { world: plain, stack, add } = deployed(t);
    const status = { token: "of-the-account", expirationTimestamp: "2026-02-01T00:00:00Z" };
    const { world, asked } = withTokens(plain, () => Promise.resolve({ status }));
    const { code, stderr } = await runOnAws(
      world,
      ...add,
      "--service-account",
      "ops/robot",
      "--token-hours",
      "2",
    );
    assert.equal(code, 0, stderr);
    const [{ method, path, body } = {}] = asked;
    assert.deepEqual([method, path], ["POST", "/api/v1/namespaces/ops/serviceaccounts/robot/token"]);
    assert.match(JSON.stringify(body), /"expirationSeconds":7200/);
    assert.match(stderr, /user: +ops\/robot\n[^]*until: +2026-02-01T00:00:00Z/);
    const kubeconfig = stack.secretsOf.get("prod")?.kubeconfig ?? "";
    assert.match(kubeconfig, /of-the-account/);
    assert.doesNotMatch(kubeconfig, new RegExp(TOKEN));
  });

  test("tells how a service account that is missing is made (SERVICE_ACCOUNT_NOT_FOUND), and takes it then", async (t) => {
    const { world: plain, add } = deployed(t);
    const missing = new KubernetesApiError("KUBERNETES_NOT_FOUND", "not found", { next: "", status: 404 });
    const status = { token: "of-the-account", expirationTimestamp: "2026-02-01T00:00:00Z" };
    const cluster = { applied: "" };
    const { world } = withTokens(plain, () =>
      /name: robot\n +namespace: calico-migrator\n/.test(cluster.applied)
        ? Promise.resolve({ status })
        : Promise.reject(missing),
    );
    const { stderr } = await runOnAws(world, ...add, "--service-account", "robot");
    assert.match(
      stderr,
      /\(SERVICE_ACCOUNT_NOT_FOUND\)\nnext: .*rbac .*--namespace calico-migrator --service-account robot/,
    );
    const [, words = ""] = /`calico-migrator (rbac .*) \| kubectl apply -f -`/.exec(stderr) ?? [];
    cluster.applied = (await runIn(plain, ...words.split(" "))).stdout;
    assert.match(cluster.applied, /kind: ServiceAccount\n/);
    const added = await runOnAws(world, ...add, "--service-account", "robot");
    assert.equal(added.code, 0, added.stderr);
  });

  test("keeps nothing secret of an EKS cluster", async (t) => {
    const { world, stack } = deployed(t);
    const server = "https://ABC.gr7.eu-west-1.eks.amazonaws.com";
    const kubeconfig = join(world.folder, "eks.kubeconfig");
    const content = {
      "current-context": "eks",
      clusters: [{ name: "c", cluster: { server, "certificate-authority-data": "Q0E=" } }],
      users: [{ name: "u", user: { exec: { command: "aws" } } }],
      contexts: [{ name: "eks", context: { cluster: "c", user: "u" } }],
    };
    writeFileSync(kubeconfig, JSON.stringify(content));
    const line = ["clusters", "add", "shop", "--eks", "shop-1", "--kubeconfig", kubeconfig];
    const { code, stderr } = await runOnAws(world, ...line);
    assert.equal(code, 0, stderr);
    const eks = {
      ...{ clusterName: "shop-1", region: "eu-west-1" },
      ...{ endpoint: server, certificateAuthorityData: "Q0E=" },
    };
    assert.equal(stack.secretsOf.size, 0);
    const registered = await stack.clusters.get("shop");
    assert.deepEqual([registered?.eks, registered?.secretArn], [eks, undefined]);
    assert.match((await runOnAws(world, "clusters", "-o", "wide")).stdout, /EKS shop-1/);
    const deleted: string[] = [];
    stack.secrets.delete = (name) => Promise.resolve(void deleted.push(name));
    const removed = await runOnAws(world, "clusters", "remove", "shop");
    assert.deepEqual([removed.stdout, removed.stderr, deleted], ["shop\n", "", []]);

    const secretArn = "arn:aws:secretsmanager:eu-central-1:1:secret:shop";
    await stack.clusters.add({ name: "shop", server, secretArn });
    assert.equal((await runOnAws(world, ...line, "--replace")).code, 0);
    assert.deepEqual(deleted, ["shop"], "the secret that it had");
    assert.deepEqual((await stack.clusters.get("shop"))?.eks, eks);
  });

  test("prints the least rights for a migration in place of the name", async (t) => {
    const { world, add } = deployed(t);
    const { stdout } = await runOnAws(world, ...add, "--migration", "etcd-to-kubernetes");
    assert.match(stdout, /kind: ClusterRole\n/);
  });

  test("has options that mean nothing for a store", async (t) => {
    const { world, add } = deployed(t);
    for (const option of [["--eks", "a"], ["--no-probe"], ["--service-account", "a/b"]]) {
      const { code, stderr } = await runIn(world, ...add, ...option);
      assert.deepEqual([code, /go with --aws alone/.test(stderr)], [2, true], option.join(" "));
    }
    const both = await runOnAws(world, ...add, "--eks", "a", "--service-account", "a/b");
    assert.deepEqual([both.code, /exclude each other/.test(both.stderr)], [2, true]);
  });
});

test("clusters remove --aws forgets the cluster and lets its secret go", async (t) => {
  const { world, stack, add } = deployed(t);
  await runOnAws(world, ...add);
  const { code, stderr } = await runOnAws(world, "clusters", "remove", "prod");
  assert.deepEqual([code, stack.secretsOf.size, await stack.clusters.list()], [0, 0, []]);
  assert.match(stderr, /seven days/);
  const again = await runOnAws(world, "clusters", "remove", "prod");
  assert.match(
    again.stderr,
    /\(CLUSTER_NOT_FOUND\)\nnext: List the clusters with `calico-migrator clusters --aws`/,
  );
});

test("a cluster that is not registered on AWS (CLUSTER_NOT_FOUND) is registered as it says, or is one that is listed", async (t) => {
  const { world, add } = deployed(t);
  const start = (name: string) => runOnAws(world, "start", "fake", "--cluster", name, "--no-wait");
  assert.match(
    (await start("prod")).stderr,
    /\(CLUSTER_NOT_FOUND\)\nnext: .*`calico-migrator clusters add NAME --kubeconfig FILE --aws`, or .*`calico-migrator clusters --aws`/,
  );
  assert.equal((await runOnAws(world, ...add)).code, 0);
  const [name = ""] = (await runOnAws(world, "clusters", "-o", "name")).stdout.trim().split("\n");
  assert.equal((await start(name.replace(/^cluster\//, ""))).code, 0);
});

describe("rbac", () => {
  const manifest = JSON.stringify({
    ...{ apiVersion: "apps/v1", kind: "DaemonSet" },
    metadata: { name: "calico-node", namespace: "kube-system" },
  });

  test("prints what kubectl applies, with the rights on the manifest's objects", async (t) => {
    const world = fakeWorld(t);
    writeFileSync(join(world.folder, "calico.yaml"), manifest);
    const line = ["rbac", "etcd-to-kubernetes", "--manifest", "calico.yaml", "--service-account", "robot"];
    const { code, stdout, stderr } = await runIn(world, ...line, "--token-secret");
    assert.equal(code, 0, stderr);
    const kinds = stdout
      .split("---\n")
      .slice(1)
      .map((text) => (parse(text) as { kind: string }).kind);
    assert.deepEqual(kinds, [
      ...[
        "Namespace",
        "ServiceAccount",
        "Secret",
        "ClusterRole",
        "Role",
        "ClusterRoleBinding",
        "RoleBinding",
      ],
    ]);
    assert.match(stdout, /name: robot-token/);
    assert.match(stdout, /- patch/);
  });

  test("prints the bindings alone for an account and roles that are there", async (t) => {
    const { stdout } = await runIn(fakeWorld(t), "rbac", "backup", "--bind-only", "-o", "name");
    assert.equal(stdout, "ClusterRoleBinding/calico-migrator-backup\n");
  });

  test("knows no other migration, and no impossible name", async (t) => {
    const world = fakeWorld(t);
    const unknown = await runIn(world, "rbac", "other");
    assert.deepEqual([unknown.code, /MIGRATION_UNKNOWN/.test(unknown.stderr)], [2, true]);
    const name = await runIn(world, "rbac", "backup", "--namespace", "Not A Name");
    assert.deepEqual([name.code, /--namespace: /.test(name.stderr)], [2, true]);
  });
});
