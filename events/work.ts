import { z } from "zod";
import type { WorkMessage } from "../shared/engine/ports.ts";
import { isJsonObject } from "../shared/json.ts";
import { parseJsonText, parseWith, versionUnknown } from "./invalid.ts";

const VERSION = 1;
const WHAT = "work message";

const common = {
  version: z.literal(VERSION),
  runId: z.string().min(1).describe("The run"),
  hops: z
    .int()
    .min(0)
    .describe("How many messages led to this one, each sent while the one before was handled"),
};

/** The body of a work message on a queue. */
export const WorkBody = z.discriminatedUnion("type", [
  z
    .strictObject({
      ...common,
      type: z.literal("run.advance"),
      track: z.literal("rollback").optional().describe("Only while the run is undone"),
    })
    .describe("Takes a run as far as it goes now"),
  z
    .strictObject({
      ...common,
      type: z.literal("batch.work"),
      track: z.enum(["forward", "rollback"]),
      stage: z.string().min(1),
      batch: z.int().min(0).describe("The number of the batch in its stage, from 0"),
    })
    .describe("Works on a batch"),
]);

/** A work message with the number of hops that led to it. */
export interface Work {
  message: WorkMessage;
  hops: number;
}

/** The body that carries a work message. */
export function encodeWork(message: WorkMessage, hops: number): string {
  return JSON.stringify({ version: VERSION, ...message, hops });
}

/** Reads a body. Throws MESSAGE_INVALID and MESSAGE_VERSION_UNKNOWN. */
export function parseWork(body: string): Work {
  return workOf(parseJsonText(WHAT, body));
}

/** As {@link parseWork}, for a body that is JSON already. */
export function workOf(value: unknown): Work {
  if (isJsonObject(value) && "version" in value && value["version"] !== VERSION) {
    throw versionUnknown(WHAT, `version ${VERSION}`);
  }
  const { version: _, hops, ...body } = parseWith(WorkBody, WHAT, value);
  if (body.type === "batch.work") return { message: body, hops };
  const { track, ...advance } = body;
  return { message: track === undefined ? advance : { ...advance, track }, hops };
}
