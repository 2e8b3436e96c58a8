import assert from "node:assert/strict";
import { describe, test, type TestContext } from "node:test";
import { inPlace } from "./in-place.ts";
import { type FakeWorld, fakeWorld, runIn, runLine } from "./testing/fake-world.ts";

const FLAGS = {
  store: "my store.db",
  kubeconfig: "prod.yaml",
  etcdEndpoints: "http://10.0.0.1:2379",
  quiet: true,
};
const STORE = "--store 'my store.db'";
const WAY = "--kubeconfig prod.yaml --etcd-endpoints http://10.0.0.1:2379";

describe("advice for the place that a command line names", () => {
  const cases: [string, string, string][] = [
    ["what works on a run has the store", "resume r1", `resume r1 ${STORE}`],
    ["what reaches a cluster has the way to it", "unlock --force", `unlock --force ${WAY} ${STORE}`],
    ["a backup that is exported reaches none", "backup export r1 f", `backup export r1 f ${STORE}`],
    ["what it names itself stays", "get --aws", "get --aws"],
    ["so does a way", "restore r1 --kubeconfig FILE", `restore r1 --kubeconfig FILE ${STORE}`],
    ["help needs none", "start --help", "start --help"],
    ["rights need none", "rbac backup | kubectl apply -f -", "rbac backup | kubectl apply -f -"],
  ];
  for (const [what, line, expected] of cases)
    test(what, () => {
      const [advice, wanted] = [line, expected].map(
        (words) => `Do \`calico-migrator ${words}\`, or \`resume\`.`,
      );
      assert.equal(inPlace(advice ?? "", FLAGS), wanted);
    });

  test("names AWS where that was the place", () => {
    assert.equal(
      inPlace("`calico-migrator get`", { aws: true, region: "r" }),
      "`calico-migrator get --aws --region r`",
    );
  });
});

/** The command line that an answer advises first. */
function advised(stderr: string): string[] {
  return /^next: .*?`calico-migrator (.*?)`/m.exec(stderr)?.[1]?.split(" ") ?? [];
}

async function start(t: TestContext): Promise<{ world: FakeWorld; line: string[] }> {
  const world = fakeWorld(t);
  const line = ["start", "fake", "--kubeconfig", world.kubeconfig, "-q"];
  assert.equal((await runIn(world, ...line)).code, 4);
  return { world, line };
}

describe("what errors say next goes to the store that was named", () => {
  test("of a cluster that is held by another run (CLUSTER_BUSY)", async (t) => {
    const { world, line } = await start(t);
    const { stderr } = await runIn(world, ...line);
    assert.match(stderr, /\(CLUSTER_BUSY\)/);
    const next = advised(stderr);
    assert.deepEqual([next[0], next.at(-1)], ["resume", world.store]);
    assert.match(stderr, new RegExp(`rollback \\S+ --store ${world.store}`));
    const resumed = await runLine(world, [...next, "--yes", "-q"]);
    assert.equal(resumed.code, 0, resumed.stderr);
  });

  test("of a run that is not there, in JSON as well", async (t) => {
    const { world } = await start(t);
    const { stderr } = await runIn(world, "describe", "nobody", "-o", "json");
    assert.match(stderr, new RegExp(`"next":"[^"]*\`calico-migrator get --store ${world.store}\``));
  });
});
