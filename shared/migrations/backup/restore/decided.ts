import { z } from "zod";
import { Pieces } from "./preflight/pieces.ts";
import type { Context } from "./options.ts";

const Decided = z.object({
  create: z.int(),
  overwrite: z.int(),
  same: z.int(),
  /** Which ranks each part has items of that are to be written. */
  ranks: z.record(z.string(), z.array(z.int())),
  resources: z.array(z.string()),
  /** Whether an aggregated API server is to serve the native group again. Earlier versions did not look at what that hides. */
  hidesNatives: z.boolean().default(false),
  pieces: Pieces,
  /** What a person has to approve, by subject, as it is shown. */
  consents: z.record(
    z.string(),
    z.object({ message: z.string(), count: z.int().default(0), fingerprint: z.string() }),
  ),
});
export type Decided = z.infer<typeof Decided>;

/** What preflight has found and decided for the stages after it. */
export async function decided(context: Pick<Context, "notesOf">): Promise<Decided> {
  return Decided.parse(await context.notesOf("preflight"));
}
