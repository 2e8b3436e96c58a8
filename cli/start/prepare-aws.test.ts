import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { openEmbedded } from "../../shared/adapters/embedded/index.ts";
import type { ArtifactStore } from "../../shared/engine/ports.ts";
import { OutputFlags } from "../options/common.ts";
import type { AwsSession } from "../aws/session.ts";
import { type FakeWorld, fakeWorld } from "../testing/fake-world.ts";
import { prepareOnAws } from "./prepare-aws.ts";
import type { StartWay } from "./prepared.ts";

const CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a, namespace: b }\n";

interface Bed {
  world: FakeWorld;
  artifacts: ArtifactStore;
  session: AwsSession;
}

/** A session on a stack with a cluster that has no etcd. */
function bed(t: TestContext): Bed {
  const world = fakeWorld(t);
  const embedded = openEmbedded(world.store, { clock: world.clock });
  t.after(() => {
    embedded.close();
  });
  const { artifacts } = embedded;
  const clusters = { get: (name: string) => Promise.resolve({ name }) };
  const flags = OutputFlags.parse({});
  const session = { stack: { clusters, artifacts }, world, flags } as unknown as AwsSession;
  return { world, artifacts, session };
}

describe("preparing a run on AWS", () => {
  const cases: [string, (file: string) => StartWay, string][] = [
    ["apiserver-to-crds", (crds) => ({ crds }), "crds"],
    ["backup", (manifest) => ({ manifest }), ""],
  ];
  for (const [migration, flags, option] of cases) {
    test(`of ${migration} stores the manifests among its own options, when it is registered`, async (t) => {
      const { world, artifacts, session } = bed(t);
      const file = join(world.folder, "a.yaml");
      writeFileSync(file, CONFIG);
      const prepared = await prepareOnAws(session, migration, { cluster: "prod", ...flags(file) });
      assert.deepEqual(await artifacts.list(""), []);
      await prepared.register();
      const [stored] = await artifacts.list("");
      const wanted = option === "" ? {} : { [option]: `artifact:${stored?.name ?? ""}` };
      assert.deepEqual(prepared.options, wanted);
    });
  }

  test("asks for an etcd only where the migration comes from one", async (t) => {
    const { session } = bed(t);
    const way = { cluster: "prod" };
    await assert.rejects(prepareOnAws(session, "etcd-to-kubernetes", way), { code: "USAGE" });
    await prepareOnAws(session, "apiserver-to-crds", way);
  });
});
