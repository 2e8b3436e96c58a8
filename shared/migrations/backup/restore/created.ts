import { z } from "zod";
import type { Context } from "./options.ts";

const Created = z.object({ created: z.record(z.string(), z.boolean()) });

/** The names of the definitions that this run has set out to create. */
export async function createdDefinitions(context: Pick<Context, "notesOf">): Promise<string[]> {
  return Object.keys(Created.safeParse(await context.notesOf("restore-crds")).data?.created ?? {});
}
