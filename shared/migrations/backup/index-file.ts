import { z } from "zod";
import type { StageContext } from "../../engine/migration.ts";
import type { Artifact, ArtifactStore } from "../../engine/ports.ts";
import { ArtifactNotFoundError } from "../../engine/errors.ts";
import type { ClusterConnections } from "../connections.ts";
import { backupPrefix, type BackupSide, SIDES } from "./parts.ts";

/** What a finished backup says of itself: which parts it consists of, so that a part that is missing is seen. */
export const BackupIndex = z.object({
  version: z.literal(1),
  /** The run that has made it. */
  run: z.string().min(1),
  cluster: z.string(),
  /** ISO 8601. */
  takenAt: z.iso.datetime(),
  parts: z.array(z.object({ name: z.string().min(1), bytes: z.int(), sha256: z.string() })),
});
export type BackupIndex = z.infer<typeof BackupIndex>;

/** The name of the index of a backup. */
function indexName(runId: string): string {
  return `runs/${runId}/backup/index.json`;
}

/** Says that the backup is whole up to here. Repeatable: a later seal tells of what was added since. */
export async function sealBackup({
  run,
  artifacts,
  clock,
}: Pick<StageContext<ClusterConnections, unknown>, "run" | "artifacts" | "clock">): Promise<void> {
  const parts = await partsOf(artifacts, run.runId);
  const takenAt = new Date(clock.now()).toISOString();
  const { runId, cluster } = run;
  await writeIndex(artifacts, { version: 1, run: runId, cluster, takenAt, parts });
}

/** Writes the index of a backup. */
export async function writeIndex(artifacts: ArtifactStore, index: BackupIndex): Promise<void> {
  await artifacts.write(indexName(index.run), [Buffer.from(`${JSON.stringify(index)}\n`)]);
}

/** Reads the index of a backup; undefined where there is none, as of a backup that did not come to its end. */
export async function readIndex(artifacts: ArtifactStore, runId: string): Promise<BackupIndex | undefined> {
  try {
    const chunks = await Array.fromAsync(artifacts.read(indexName(runId)));
    return BackupIndex.parse(JSON.parse(Buffer.concat(chunks).toString("utf8")));
  } catch (error) {
    if (error instanceof ArtifactNotFoundError) return undefined;
    throw error;
  }
}

/** The parts of a backup that are there, of both sides or of one, by name. */
export async function partsOf(
  artifacts: ArtifactStore,
  runId: string,
  sides: readonly BackupSide[] = SIDES,
): Promise<Artifact[]> {
  return (await Promise.all(sides.map((side) => artifacts.list(backupPrefix(runId, side))))).flat();
}
