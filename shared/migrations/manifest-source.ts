import { z } from "zod";
import { secretIn } from "../kubernetes/manifest-url.ts";

/** Where a manifest is: a file, a directory or a URL. Options are kept with the run and shown, so no URL may hold a secret. */
export const ManifestSource = z
  .string()
  .min(1)
  .superRefine((source, context) => {
    const problem = secretIn(source);
    if (problem === undefined) return;
    context.addIssue({ code: "custom", message: `${problem}; download the manifest and give the file` });
  });
