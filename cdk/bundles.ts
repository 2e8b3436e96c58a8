import { Code } from "aws-cdk-lib/aws-lambda";
import { bundleFunction, FUNCTION_NAMES } from "../functions/bundle.ts";
import type { FunctionCode } from "./constructs/functions.ts";

/** Bundles every function into a folder; with it, the code of each as an asset, which is copied when it is used. */
export async function bundledCode(into: string): Promise<FunctionCode> {
  const bundles = await Promise.all(
    FUNCTION_NAMES.map(async (name) => [name, (await bundleFunction(name, into)).folder] as const),
  );
  const folders = new Map(bundles);
  return (name) => Code.fromAsset(folders.get(name) ?? "");
}
