import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

/** What each script of package.json is for. */
export const PURPOSES: Readonly<Record<string, string>> = {
  help: "lists these scripts",
  start: "a run on a cluster made for it, in two minutes; --keep leaves it to try the commands on",
  test: "everything: lint, unit tests, tests on real clusters",
  "test:unit": "tests without clusters; add parts of paths to run those alone",
  "test:infra": "tests on a real etcd and kube-apiserver; add parts of paths to run those alone",
  bench: "measures: -- etcd, -- crds or -- aws; --quick in small",
  lint: "types, style, formatting, unused code",
  format: "puts the formatting right",
  build: "makes the program in dist/, as the package has it",
  prepack: "what npm runs before it packs",
  "generate:versions": "writes docs/versions.md from what was tried",
  "generate:events": "writes the schemas of the wire contract; refuses breaking changes",
  synth: "makes the template of the AWS stack, without an account",
  deploy: "deploys the stack, with your AWS credentials",
};

/** The scripts of package.json, in its order. */
export function scriptNames(): string[] {
  const text = readFileSync(join(import.meta.dirname, "..", "package.json"), "utf8");
  const { scripts } = z.object({ scripts: z.record(z.string(), z.string()) }).parse(JSON.parse(text));
  return Object.keys(scripts);
}

if (import.meta.main) {
  const names = scriptNames();
  const width = Math.max(...names.map((name) => name.length));
  for (const name of names) console.log(`npm run ${name.padEnd(width)}  ${PURPOSES[name]}`);
}
