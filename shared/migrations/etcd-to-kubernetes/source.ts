import { CALICO_PREFIX } from "../../calico/keys.ts";
import type { Checkpoint } from "../../engine/records.ts";
import { EtcdCompactedError } from "../../etcd/errors.ts";
import { prefixEnd } from "../../etcd/keys.ts";
import type { CalicoEtcd, EtcdKeyValue } from "../../etcd/types.ts";
import type { Context } from "./context.ts";

/** A checkpoint with the value of its source; none when the key is gone. */
export interface SourcedCheckpoint {
  checkpoint: Checkpoint;
  source: EtcdKeyValue | undefined;
}

/**
 * The sources of checkpoints as of a revision; where etcd has compacted that away, as of now: catching up compares
 * revisions, so a later value is as good.
 */
export async function readSources(
  context: Context,
  checkpoints: readonly Checkpoint[],
  revision?: number,
): Promise<SourcedCheckpoint[]> {
  const keys = checkpoints.map(({ key }) => key);
  const values = await readAt(context, keys, revision);
  return checkpoints.map((checkpoint) => ({ checkpoint, source: values.get(checkpoint.key) }));
}

async function readAt(
  context: Context,
  keys: readonly string[],
  revision: number | undefined,
): Promise<Map<string, EtcdKeyValue>> {
  const etcd = context.connections.etcd();
  if (revision === undefined) return etcd.getMany(keys);
  try {
    return await etcd.getMany(keys, revision);
  } catch (error) {
    if (error instanceof EtcdCompactedError) return etcd.getMany(keys);
    throw error;
  }
}

/** The newest revision of the whole etcd cluster; a member's status may lag behind it. */
export async function currentRevision(etcd: CalicoEtcd): Promise<number> {
  const query = { from: CALICO_PREFIX, to: prefixEnd(CALICO_PREFIX), limit: 1, keysOnly: true };
  return (await etcd.range(query)).revision;
}
