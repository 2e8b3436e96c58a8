import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { nativeApiService } from "../../kubernetes/api-services.ts";
import { crdResource } from "../../kubernetes/crds.ts";
import { changed } from "../testing/dumps.ts";
import { apiService, nativeCrds } from "./testing/cluster.ts";
import { canonical, mismatches } from "./testing/oracle.ts";
import {
  assertState,
  goOn,
  isAggregated,
  rollBack,
  runBefore,
  trespasses,
  uncollectedWorld,
} from "./testing/whole.ts";
import type { World } from "./testing/world.ts";
import { objectAt, objectsAt, textAt } from "../../kubernetes/fields.ts";

const ALL = process.env["CALICO_MIGRATOR_CRASH"] === "all";
const STRIDE = ALL ? 1 : 23;

/** Somebody who does something to the cluster before some of the run's writes. */
interface Other {
  name: string;
  /** From which write of the run on, and up to which. */
  from: RegExp;
  upTo: RegExp;
  act: (world: World) => Promise<void>;
}

const REMOVAL = /^delete .*\/apiservices\//;

/** Such as an operator that puts its APIService back every few minutes. */
const RECREATES: Other = {
  name: "the APIService is created again",
  from: REMOVAL,
  upTo: /^delete apps\/v1\/deployments/,
  act: async ({ cluster }) => {
    if (await isAggregated(cluster)) return;
    const { metadata } = await cluster.storage.get(nativeApiService);
    const { resourceVersion } = metadata as { resourceVersion: string };
    const again = apiService();
    await cluster.replace(nativeApiService, {
      ...again,
      metadata: { ...objectAt(again, "metadata"), resourceVersion },
    });
  },
};

/** Such as Helm, that puts the definitions back as its chart has them. */
const CLOSES: Other = {
  name: "the definitions are put back",
  from: /^patch .*customresourcedefinitions/,
  upTo: /^replace projectcalico\.org\/v3\/clusterinformations/,
  act: async ({ cluster }) => {
    for (const crd of nativeCrds()) {
      const name = textAt(crd, "metadata", "name");
      const versions = objectsAt(crd, "spec", "versions");
      await cluster.storage.patch({ ...crdResource, name }, { spec: { versions } }, { type: "merge" });
    }
  },
};

/** Without a garbage collector: one that looks in that very moment finds owners that the aggregated server does not know. */
const create = uncollectedWorld;

/** Lets somebody act once, before the `nth` of the run's writes in their span, or before all; gives how many these are. */
function interfere(world: World, { from, upTo, act }: Other, nth: number): { writes: string[] } {
  const seen = { writes: [] as string[] };
  let state: "before" | "in" | "after" = "before";
  world.meanwhile.before.push(async (write) => {
    if (state === "in") {
      seen.writes.push(write);
      if (seen.writes.length === nth) await act(world);
    }
    if (state === "before" && from.test(write)) state = "in";
    else if (state === "in" && upTo.test(write)) state = "after";
  });
  return seen;
}

for (const other of [RECREATES, CLOSES]) {
  describe(`a migration while ${other.name}`, () => {
    let writes: string[];
    let end: Record<string, string>;
    before(async () => {
      using world = await create();
      const seen = interfere(world, other, 0);
      const worker = world.worker();
      assertState(
        await goOn(world, worker, await runBefore(world, worker, "cleanup"), "cleanup"),
        "Succeeded",
      );
      ({ writes } = seen);
      end = await canonical(world.cluster);
    });

    test("before any of its writes ends as if it had not been, and never writes to the old group", async () => {
      const failed: string[] = [];
      for (let nth = 1; nth <= writes.length; nth += STRIDE) {
        const trouble = await endsAs(other, nth, end).catch(
          (error: unknown) => String(error).split("\n")[0] ?? "",
        );
        if (trouble.length > 0) failed.push(`${nth}. ${writes[nth - 1] ?? ""}: ${trouble}`);
      }
      assert.deepEqual(failed, []);
    });

    test("before any of its writes can be undone", async () => {
      const failed: string[] = [];
      for (let nth = 1; nth <= writes.length; nth += STRIDE) {
        const trouble = await isUndone(other, nth).catch(
          (error: unknown) => String(error).split("\n")[0] ?? "",
        );
        if (trouble.length > 0) failed.push(`${nth}. ${writes[nth - 1] ?? ""}: ${trouble}`);
      }
      assert.deepEqual(failed, []);
    });
  });
}

async function endsAs(other: Other, nth: number, end: Record<string, string>): Promise<string> {
  using world = await create();
  interfere(world, other, nth);
  const written = trespasses(world);
  const worker = world.worker();
  const runId = await runBefore(world, worker, "cleanup");
  const missing = await mismatches(world.cluster);
  assertState(await goOn(world, worker, runId, "cleanup"), "Succeeded");
  return [...missing, ...written, ...changed(end, await canonical(world.cluster))].join(", ");
}

async function isUndone(other: Other, nth: number): Promise<string> {
  using world = await create();
  const found = world.cluster.dump();
  interfere(world, other, nth);
  const written = trespasses(world);
  const worker = world.worker();
  await rollBack(world, worker, await runBefore(world, worker, "cleanup"));
  return [...written, ...changed(found, world.cluster.dump())].join(", ");
}
