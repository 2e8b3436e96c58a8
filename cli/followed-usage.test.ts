import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { MIGRATIONS } from "../shared/migrations/registry.ts";
import { targetOf } from "./target.ts";
import { withFakeStack } from "./testing/fake-stack.ts";
import { type Answer, type FakeWorld, fakeWorld, runIn, runOnAws } from "./testing/fake-world.ts";

type Run = (...words: string[]) => Promise<Answer>;

/** Command lines (USAGE): what they lack or have too much, what they are told, and the line that does as it is told. */
interface Misused {
  title: string;
  line: string[];
  told: RegExp;
  followed: string[][];
}

const ETCD = ["--etcd-endpoints", "https://10.0.0.1:2379"];
const ADD = ["clusters", "add", "prod", "--kubeconfig", "KUBECONFIG"];
const EKS_ADD = [...ADD, "--eks", "shop", "--no-probe"];

const IN_A_STORE: Misused[] = [
  {
    title: "options of AWS without it are left out, or get --aws",
    line: [...ADD, "--no-probe"],
    told: /^Leave them out, or add --aws\./,
    followed: [ADD, [...ADD, "--no-probe", "--aws"]],
  },
  {
    title: "a label without a value is written as it is shown",
    line: [...ADD, "-l", "prod"],
    told: /^Write labels like -l env=prod\./,
    followed: [[...ADD, "-l", "env=prod"]],
  },
  {
    title: "a migration from etcd gets --etcd-endpoints",
    line: ["start", "etcd-to-kubernetes", "--no-wait", "--kubeconfig", "KUBECONFIG"],
    told: /^Add --etcd-endpoints https:\/\/HOST:2379\./,
    followed: [["start", "etcd-to-kubernetes", "--no-wait", "--kubeconfig", "KUBECONFIG", ...ETCD]],
  },
  {
    title: "what is said of an etcd says which etcd it is",
    line: ["clusters", "add", "prod", "--kubeconfig", "KUBECONFIG", "--etcd-username", "ops"],
    told: /^Add --etcd-endpoints https:\/\/HOST:2379\./,
    followed: [ADD, [...ADD, ...ETCD]],
  },
  {
    title: "an option of another migration is left out, or goes with that one",
    line: ["start", "apiserver-to-crds", "--no-wait", "--kubeconfig", "KUBECONFIG", ...ETCD],
    told: /^Leave it out: it goes with etcd-to-kubernetes/,
    followed: [["start", "apiserver-to-crds", "--no-wait", "--kubeconfig", "KUBECONFIG"]],
  },
  {
    title: "no migration at all is one that is named",
    line: ["start", "--kubeconfig", "KUBECONFIG", "--no-wait"],
    told: /^Name it, .*apiserver-to-crds.*; or give --plan HASH\./,
    followed: [["start", "apiserver-to-crds", "--kubeconfig", "KUBECONFIG", "--no-wait"]],
  },
  {
    title: "a manifest to keep here goes to start, or to AWS",
    line: ["manifests", "put", "CRDS"],
    told: /^Add --aws, or give the manifest to `calico-migrator start --store [^`]*`\./,
    followed: [
      ["manifests", "put", "CRDS", "--aws"],
      ["start", "apiserver-to-crds", "--kubeconfig", "KUBECONFIG", "--no-wait", "--crds", "CRDS"],
    ],
  },
  {
    title: "what commander refuses is in the help that is named",
    line: ["start", "--nonsense"],
    told: /^See `calico-migrator --help`, and `calico-migrator COMMAND --help`\./,
    followed: [["--help"], ["start", "--help"]],
  },
  {
    title: "resolve without a side or a file has its help",
    line: ["conflicts", "resolve", "run-1"],
    told: /^See `calico-migrator conflicts resolve --help`\./,
    followed: [["conflicts", "resolve", "--help"]],
  },
];

const ON_AWS: Misused[] = [
  {
    title: "two ways to the credentials are one",
    line: [...EKS_ADD, "--service-account", "a/b", "--eks-region", "eu-west-1"],
    told: /^Give one of the two\./,
    followed: [[...EKS_ADD, "--eks-region", "eu-west-1"]],
  },
  {
    title: "a region for EKS has its cluster's name",
    line: [...ADD, "--no-probe", "--eks-region", "eu-west-1"],
    told: /^Give --eks with the cluster's name\./,
    followed: [[...ADD, "--no-probe", "--eks-region", "eu-west-1", "--eks", "shop"]],
  },
  {
    title: "a token's life has its service account",
    line: [...ADD, "--no-probe", "--token-hours", "2"],
    told: /^Give the service account\./,
    followed: [[...ADD, "--no-probe", "--token-hours", "2", "--service-account", "ops/robot"]],
  },
  {
    title: "a service account is written as NAMESPACE/NAME",
    line: [...ADD, "--no-probe", "--service-account", "a/b/c"],
    told: /^Write it as NAMESPACE\/NAME\./,
    followed: [[...ADD, "--no-probe", "--service-account", "ops/robot"]],
  },
  {
    title: "an EKS cluster whose endpoint tells no region has --eks-region",
    line: EKS_ADD,
    told: /^Give the cluster's region\./,
    followed: [[...EKS_ADD, "--eks-region", "eu-west-1"]],
  },
  {
    title: "a start without a cluster has one that is listed",
    line: ["start", "apiserver-to-crds", "--no-wait"],
    told: /^List them with `calico-migrator clusters --aws`\./,
    followed: [["clusters"], ["start", "apiserver-to-crds", "--no-wait", "--cluster", "known"]],
  },
  {
    title: "a start with a kubeconfig has a cluster that is registered with it",
    line: ["start", "apiserver-to-crds", "--no-wait", "--kubeconfig", "KUBECONFIG"],
    told: /`calico-migrator clusters add NAME --kubeconfig FILE --aws`, then give --cluster NAME alone\./,
    followed: [ADD, ["start", "apiserver-to-crds", "--no-wait", "--cluster", "prod"]],
  },
  {
    title: "a cluster without Calico's etcd is registered again, with it",
    line: ["start", "etcd-to-kubernetes", "--no-wait", "--cluster", "known"],
    told: /`calico-migrator clusters add known --replace --etcd-endpoints https:\/\/HOST:2379 --aws`, with its kubeconfig\./,
    followed: [
      ["clusters", "add", "known", "--replace", ...ETCD, "--kubeconfig", "KUBECONFIG"],
      ["start", "etcd-to-kubernetes", "--no-wait", "--cluster", "known"],
    ],
  },
];

/** A world with a stack, the migrations that there are, and a service account that gives tokens. */
async function bed(t: TestContext): Promise<{ world: FakeWorld; here: Run; onAws: Run }> {
  const plain = Object.assign(fakeWorld(t), { migrations: MIGRATIONS });
  const stack = withFakeStack(t, plain);
  await stack.clusters.add({ name: "known", server: "https://known.example.com/", secretArn: "arn" });
  const status = { token: "of-the-account", expirationTimestamp: "2026-02-01T00:00:00Z" };
  const kubernetes = { request: () => Promise.resolve({ status: 201, body: { status } }) };
  const connections = { kubernetes, etcd: () => ({ status: () => Promise.resolve({}) }) };
  const openCluster = () => Promise.resolve({ connections, close: () => Promise.resolve() });
  const world = Object.assign(plain, { openCluster });
  const files: Record<string, string> = {
    KUBECONFIG: world.kubeconfig,
    CRDS: join(world.folder, "crds.yaml"),
  };
  writeFileSync(
    files["CRDS"] ?? "",
    "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a, namespace: b }\n",
  );
  const real = (words: string[]) => words.map((word) => files[word] ?? word);
  const onAws: Run = (...words) => runOnAws(world, ...real(words).filter((word) => word !== "--aws"));
  const here: Run = (...words) => (words.includes("--aws") ? onAws(...words) : runIn(world, ...real(words)));
  return { world, here, onAws };
}

for (const [place, cases] of Object.entries({ "in a store": IN_A_STORE, "on AWS": ON_AWS }))
  describe(`a command line that is refused ${place} (USAGE)`, () => {
    for (const { title, line, told, followed } of cases)
      test(title, async (t) => {
        const { here, onAws } = await bed(t);
        const run = place === "on AWS" ? onAws : here;
        const refused = await run(...line);
        assert.deepEqual(
          [refused.code, refused.stderr.includes("(USAGE)\nnext: ")],
          [2, true],
          refused.stderr,
        );
        assert.match(refused.stderr.slice(refused.stderr.indexOf("next: ") + 6), told);
        for (const words of followed) {
          const { code, stderr } = await run(...words);
          assert.equal(code, 0, `${words.join(" ")}: ${stderr}`);
        }
      });
  });

describe("a command line that is refused (USAGE)", () => {
  test("for --aws and --store exclude each other, has one of the two", (t) => {
    const { folder: cwd } = fakeWorld(t);
    const place = { env: { HOME: cwd }, cwd };
    const next = "Give one of the two.";
    assert.throws(() => targetOf(place, { aws: true, store: "a.db" }), { code: "USAGE", next });
    assert.equal(targetOf(place, { aws: true }).kind, "aws");
    assert.equal(targetOf(place, { store: "a.db" }).kind, "store");
  });

  test("for its plan is of another migration, leaves the name out, or gives a plan of that one", async (t) => {
    const world = fakeWorld(t);
    const planOf = async (name: string): Promise<string> => {
      const { stdout } = await runIn(world, "plan", name, "--kubeconfig", world.kubeconfig, "-q");
      return /start --plan ([0-9a-f]{12})/.exec(stdout)?.[1] ?? "";
    };
    const other = { ...world.migrations[0], name: "other" } as FakeWorld["migrations"][number];
    Object.assign(world, { migrations: [...world.migrations, other] });
    const [ofFake, ofOther] = [await planOf("fake"), await planOf("other")];
    const { stderr } = await runIn(world, "start", "other", "--plan", ofFake, "--yes");
    assert.match(stderr, /\(USAGE\)\nnext: Leave other out, or give the hash of a plan of it\./);
    assert.equal((await runIn(world, "start", "--plan", ofFake, "--yes", "-q")).code, 0);
    assert.equal((await runIn(world, "start", "other", "--plan", ofOther, "--yes", "-q")).code, 0);
  });

  test("for a loss is approved unseen, gives the fingerprint of a plan, or approves when it is asked", async (t) => {
    const world = fakeWorld(t, { consents: true });
    const line = ["start", "fake", "--kubeconfig", world.kubeconfig, "-q", "--yes"];
    const { stderr } = await runIn(world, ...line, "--approve-uncarried");
    assert.match(
      stderr,
      /\(USAGE\)\nnext: .*`calico-migrator plan [^`]*` .*--approve-uncarried FINGERPRINT; or start/,
    );
    const plan = await runIn(world, "plan", "fake", "--kubeconfig", world.kubeconfig, "-q");
    const shown = /uncarried@([0-9a-f]{12})/.exec(plan.stdout)?.[1] ?? "";
    assert.equal((await runIn(world, ...line, "--approve-uncarried", shown)).code, 0);
    const later = fakeWorld(t, { consents: true });
    const asked = await runIn(later, "start", "fake", "--kubeconfig", later.kubeconfig, "-q", "--yes");
    const [, words = ""] = /next: calico-migrator (approve \S+ \S+)/.exec(asked.stderr) ?? [];
    assert.equal((await runIn(later, ...words.split(" "), "-q")).code, 0);
  });

  test("for a registered cluster has no etcd, gives --etcd-endpoints, and keeps its way to the API server", async (t) => {
    const { world, here } = await bed(t);
    await here(...ADD);
    const start = ["start", "etcd-to-kubernetes", "--no-wait", "--cluster", "prod"];
    const { stderr } = await here(...start);
    assert.match(stderr, /\(USAGE\)\nnext: Add --etcd-endpoints/);
    assert.equal(readFileSync(world.kubeconfig, "utf8").includes("prod.example.com"), true);
    const followed = await here(...start, ...ETCD);
    assert.equal(followed.code, 0, followed.stderr);
    const { stdout } = await here("clusters", "-o", "wide");
    assert.match(stdout, /prod +https:\/\/prod\.example\.com:6443\/ .*10\.0\.0\.1/);
  });
});
