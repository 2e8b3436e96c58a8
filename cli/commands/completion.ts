import { Argument, Command } from "commander";
import { z } from "zod";
import { completionScript, SHELLS } from "../completion.ts";
import { EXIT } from "../exit-codes.ts";
import { isFromEtcd } from "../options/migrations/index.ts";
import type { CommandEntry } from "./command.ts";

const EXAMPLES = `
Examples:
  source <(calico-migrator completion bash)
  calico-migrator completion zsh  > "\${fpath[1]}/_calico-migrator"
  calico-migrator completion fish > ~/.config/fish/completions/calico-migrator.fish
`;

/** `completion`: a script that makes a shell complete commands, options and runs. */
export function completionCommand(): CommandEntry {
  const command = new Command("completion")
    .summary("print a completion script for bash, zsh or fish")
    .description(
      "Prints a script that makes your shell complete commands, options, migrations, stages, files, and the names of runs and clusters.",
    )
    .addArgument(new Argument("<shell>", "which shell").choices(SHELLS))
    .addHelpText("before", EXAMPLES.trimStart());
  return {
    command,
    handle: ({ world, args, program }) => {
      const [shell] = z.tuple([z.enum(SHELLS)]).parse(args);
      const started = world.migrations.filter(({ name }) => isFromEtcd(name) !== undefined);
      const stages = started.map(({ name, stages: all }) => [name, all.map((stage) => stage.name)] as const);
      world.stdout.write(completionScript(shell, program, Object.fromEntries(stages)));
      return Promise.resolve(EXIT.ok);
    },
  };
}
