import { Command } from "commander";
import { z } from "zod";
import type { Artifact } from "../../shared/engine/ports.ts";
import { ARTIFACT_SOURCE } from "../../shared/migrations/manifests.ts";
import { API_VERSION, listDocument } from "../documents.ts";
import { EXIT } from "../exit-codes.ts";
import { usageError } from "../failures.ts";
import { OutputFlags, withCommonOptions } from "../options/common.ts";
import { print } from "../output/print.ts";
import { table } from "../output/table.ts";
import { openSession } from "../session.ts";
import { MANIFESTS, storeManifest } from "../start/manifests.ts";
import { targetOf } from "../target.ts";
import type { World } from "../world.ts";
import type { CommandEntry } from "./command.ts";

const EXAMPLES = `
Examples:
  calico-migrator manifests put calico-kdd.yaml --aws     # prints artifact:manifests/SHA256.yaml, for StartRun
  calico-migrator manifests --aws
`;

/** `manifests`: the manifests that are kept with runs. */
export function manifestsCommand(): CommandEntry {
  const command = new Command("manifests")
    .summary("list the manifests that are kept; `manifests put` keeps one on AWS")
    .description(
      "Lists the manifests that are kept with runs, by the name that a run's options have for them.",
    )
    .addHelpText("before", EXAMPLES.trimStart());
  // Options after the name of a subcommand are the subcommand's.
  withCommonOptions(command).enablePositionalOptions();
  return {
    command,
    handle: ({ world, flags }) => list(world, OutputFlags.parse(flags)),
    children: [putCommand()],
  };
}

/** `manifests put`: for whoever sends `StartRun` without this command line. */
function putCommand(): CommandEntry {
  const command = new Command("put")
    .summary("keep a manifest on AWS, and print its name")
    .description(
      "Reads and checks a manifest, keeps it in the stack's bucket under the SHA-256 of its content, and prints the name to give as an option in StartRun.",
    )
    .argument("<source>", "a file, a directory or a URL");
  withCommonOptions(command);
  return { command, handle: ({ world, args, flags }) => put(world, args, OutputFlags.parse(flags)) };
}

async function list(world: World, flags: OutputFlags): Promise<number> {
  await using session = await openSession(world, flags);
  const manifests = await session.artifacts.list(MANIFESTS);
  print(world, flags, {
    document: listDocument("ManifestList", manifests.map(manifestDocument)),
    text: () =>
      table(
        ["MANIFEST", "BYTES"],
        manifests.map(({ name, bytes }) => [`${ARTIFACT_SOURCE}${name}`, String(bytes)]),
      ),
    names: manifests.map(({ name }) => `${ARTIFACT_SOURCE}${name}`),
  });
  return EXIT.ok;
}

function manifestDocument({ name, bytes, sha256 }: Artifact): object {
  const metadata = { name: `${ARTIFACT_SOURCE}${name}` };
  return { apiVersion: API_VERSION, kind: "Manifest", metadata, status: { bytes, sha256 } };
}

async function put(world: World, args: readonly unknown[], flags: OutputFlags): Promise<number> {
  const [source] = z.tuple([z.string()]).parse(args);
  if (targetOf(world, flags).kind !== "aws") throw neededOnlyOnAws();
  await using session = await openSession(world, flags);
  const name = await storeManifest(session.artifacts, source);
  print(world, flags, {
    document: { apiVersion: API_VERSION, kind: "Manifest", metadata: { name } },
    text: () => `${name}\n`,
    names: [name],
  });
  return EXIT.ok;
}

function neededOnlyOnAws(): Error {
  return usageError(
    "manifests put keeps a manifest for functions on AWS: a run on this machine keeps its own when it starts",
    "Add --aws, or give the manifest to `calico-migrator start`.",
  );
}
