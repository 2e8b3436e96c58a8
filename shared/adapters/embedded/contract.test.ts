import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describeArtifactStore } from "../../engine/contract/artifact-store.contract.ts";
import { describeCheckpointStore } from "../../engine/contract/checkpoint-store.contract.ts";
import { describeWorkQueue } from "../../engine/contract/work-queue.contract.ts";
import { ManualClock } from "../../engine/testing/manual-clock.ts";
import { type Embedded, openEmbedded } from "./index.ts";

type Fixture = Embedded & { clock: ManualClock; cleanup(): Promise<void> };

function open(): Promise<Fixture> {
  const folder = mkdtempSync(join(tmpdir(), "embedded-"));
  const clock = new ManualClock();
  const embedded = openEmbedded(join(folder, "store.db"), { clock });
  const cleanup = () => {
    embedded.close();
    rmSync(folder, { recursive: true });
    return Promise.resolve();
  };
  return Promise.resolve({ ...embedded, clock, cleanup });
}

describeCheckpointStore("EmbeddedCheckpointStore", open);
describeWorkQueue("EmbeddedWorkQueue", open, { deduplicates: true });
describeArtifactStore("EmbeddedArtifactStore", open);
