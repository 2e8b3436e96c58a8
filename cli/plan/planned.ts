import type { Migration } from "../../shared/engine/migration.ts";
import type { ArtifactStore } from "../../shared/engine/ports.ts";
import type { ClusterConnections } from "../../shared/migrations/connections.ts";
import type { NamedConnection } from "../options/connection.ts";
import { copyManifests } from "../start/manifests.ts";
import type { World } from "../world.ts";
import { factsOf } from "./facts.ts";
import { keepPlan, PlanContent } from "./kept-plan.ts";
import type { Looked, Preview } from "./preview.ts";

/** What was looked at, and what was found. */
export interface Planned {
  migration: Migration<ClusterConnections>;
  cluster: NamedConnection;
  found: Preview;
  looked: Looked;
}

/** Keeps what was planned, with the manifests that were read for it; gives its hash. */
export async function keepPlanned(
  artifacts: ArtifactStore,
  { version, clock }: Pick<World, "version" | "clock">,
  { migration, cluster, found, looked }: Planned,
): Promise<string> {
  await copyManifests(looked.artifacts, artifacts, { migration: migration.name, options: looked.pinned });
  const plan = PlanContent.parse({
    version,
    migration: migration.name,
    stages: migration.stages.map(({ name }) => name),
    cluster: { name: cluster.name, connection: cluster.connection },
    options: looked.pinned,
    sources: looked.sources,
    facts: factsOf(found),
    fingerprints: Object.fromEntries(found.asks.map(({ subject, fingerprint }) => [subject, fingerprint])),
  });
  return keepPlan(artifacts, plan, clock.now());
}
