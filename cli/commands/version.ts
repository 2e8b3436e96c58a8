import { Command } from "commander";
import { EXIT } from "../exit-codes.ts";
import { print } from "../output/print.ts";
import { OutputFlags, withCommonOptions } from "../options/common.ts";
import type { CommandEntry } from "./command.ts";

/** `version`: the version, and what it runs on. */
export function versionCommand(): CommandEntry {
  const command = new Command("version")
    .summary("show the version")
    .description("Shows the version of calico-migrator, of Node and of SQLite, and the migrations in it.");
  withCommonOptions(command);
  return {
    command,
    handle: ({ world, flags }) => {
      const { node, sqlite } = process.versions;
      const migrations = world.migrations.map(({ name }) => name);
      print(world, OutputFlags.parse(flags), {
        document: { version: world.version, node, sqlite, migrations },
        text: (wide) =>
          wide
            ? `calico-migrator ${world.version}\nnode ${node}, SQLite ${sqlite ?? "unknown"}\nmigrations: ${migrations.join(", ")}\n`
            : `calico-migrator ${world.version}\n`,
        names: [world.version],
      });
      return Promise.resolve(EXIT.ok);
    },
  };
}
