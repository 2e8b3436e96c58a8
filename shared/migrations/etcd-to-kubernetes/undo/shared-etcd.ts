import type { Context } from "../context.ts";

/** True where others have used etcd since the unlock. */
export async function isSharedEtcd(context: Context): Promise<boolean> {
  return (await context.notesOf("unlock"))["leftToOthers"] === true;
}
