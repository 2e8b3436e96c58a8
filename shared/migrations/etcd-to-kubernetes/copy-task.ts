import type { Carried } from "../../calico/forwarded.ts";
import type { TargetGroup } from "../../calico/kinds.ts";
import { meaningHash } from "../../calico/meaning.ts";
import type { Checkpoint } from "../../engine/records.ts";
import type { EtcdKeyValue } from "../../etcd/types.ts";
import type { CopyTask } from "../copying/task.ts";
import type { AnyContext } from "../context.ts";
import { fitted, withServerDefaults } from "../target/schemas.ts";

/** A resource to copy: its checkpoint, the value that was read, and what it becomes. */
export interface Copy {
  checkpoint: Checkpoint;
  source: EtcdKeyValue;
  carried: Carried;
  targetGroup: TargetGroup;
}

/** What a checkpoint keeps of the value that was read. */
export function sourceOf({ source, carried }: Copy): CopyTask["source"] {
  return { revision: source.modRevision, hash: carried.sourceHash };
}

/** The copy of a custom resource as a task. */
export async function taskOf(context: AnyContext, copy: Copy): Promise<CopyTask> {
  const { checkpoint, carried, targetGroup } = copy;
  const { kind, target } = carried;
  const object = await fitted(context, targetGroup, kind, carried.object);
  const expected = () => withServerDefaults(context, targetGroup, kind, object);
  return { checkpoint, source: sourceOf(copy), kind, target, object, expected, meaning: meaningHash };
}
