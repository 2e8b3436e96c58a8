import { hash } from "node:crypto";
import { artifactName } from "../../context.ts";
import type { Checkpoint } from "../../../engine/records.ts";
import { textAt } from "../../../kubernetes/fields.ts";
import type { JsonObject } from "../../../json.ts";
import type { Context } from "./options.ts";

/** What is larger is kept as an artifact: a row has to fit into every store. */
const MAX_IN_ROW = 64 * 1024;

/** Keeps what is replaced, for the way back, and gives what the row has to say of it. */
export async function keepBefore(context: Context, key: string, before: string): Promise<JsonObject> {
  if (before.length <= MAX_IN_ROW) return { before };
  const beforeIn = artifactName(context, `before/${hash("sha256", key, "hex")}.json`);
  await context.artifacts.write(beforeIn, [Buffer.from(before)]);
  return { beforeIn };
}

/** What was there before, of a row; undefined where nothing was. */
export async function beforeOf(context: Context, { detail }: Checkpoint): Promise<string | undefined> {
  if (typeof detail["before"] === "string") return detail["before"];
  const name = textAt(detail, "beforeIn");
  if (name === "") return undefined;
  return Buffer.concat(await Array.fromAsync(context.artifacts.read(name))).toString("utf8");
}
