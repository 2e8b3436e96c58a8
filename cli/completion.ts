import type { Command } from "commander";

/** The shells that are helped. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

interface Entry {
  /** The words before, for example `clusters add`. */
  path: string;
  commands: { name: string; summary: string }[];
  options: { short: string | undefined; long: string; description: string; choices: readonly string[] }[];
  /** True when the first argument is a run. */
  takesRun: boolean;
}

/** A script that completes commands, options and, by asking the program, runs. */
export function completionScript(shell: Shell, program: Command): string {
  const entries = entriesOf(program, "");
  switch (shell) {
    case "bash":
      return bash(entries);
    case "zsh":
      return `#compdef calico-migrator\nautoload -U +X bashcompinit && bashcompinit\n${bash(entries)}`;
    case "fish":
      return fish(entries);
  }
}

function entriesOf(command: Command, path: string): Entry[] {
  const commands = command.commands.map((one) => ({ name: one.name(), summary: one.summary() }));
  const entry = {
    path,
    commands,
    options: command.options
      .filter(({ hidden }) => !hidden)
      .map(({ short, long, description, argChoices }) => ({
        short,
        long: long ?? "",
        description,
        choices: argChoices ?? [],
      })),
    takesRun: command.registeredArguments[0]?.name() === "run",
  };
  return [entry, ...command.commands.flatMap((one) => entriesOf(one, `${path} ${one.name()}`.trim()))];
}

/** Words that may follow: commands and options; runs are asked for when the shell needs them. */
function bash(entries: readonly Entry[]): string {
  const cases = entries.map((entry) => {
    const words = [...entry.commands.map(({ name }) => name), ...entry.options.map(({ long }) => long)];
    const runs = entry.takesRun ? " $(calico-migrator get -o name 2>/dev/null)" : "";
    return `    "${entry.path}") words="${words.join(" ")}${runs}" ;;`;
  });
  const choices = choicesOf(entries).map(([flags, values]) => `    ${flags}) words="${values.join(" ")}" ;;`);
  return `# bash completion of calico-migrator
_calico_migrator() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" path="" words="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in
      ${subcommandPattern(entries)}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  case "$prev" in
${choices.join("\n")}
    ${FILE_OPTIONS.join("|")}) COMPREPLY=($(compgen -f -- "$cur")); return ;;
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -F _calico_migrator calico-migrator
`;
}

/** Options whose value is a file. */
const FILE_OPTIONS = [
  "--store",
  "--kubeconfig",
  "--etcd-ca",
  "--etcd-cert",
  "--etcd-key",
  "--etcd-password-file",
  "--manifest",
  "--rollback-manifest",
  "--crds",
  "--file",
];

function subcommandPattern(entries: readonly Entry[]): string {
  const names = new Set(entries.flatMap(({ commands }) => commands.map(({ name }) => name)));
  return [...names].join("|");
}

function choicesOf(entries: readonly Entry[]): [string, readonly string[]][] {
  const found = entries.flatMap(({ options }) => options.filter(({ choices }) => choices.length > 0));
  const named = found.map(({ short, long, choices }): [string, readonly string[]] => [
    short === undefined ? long : `${short}|${long}`,
    choices,
  ]);
  return [...new Map(named)];
}

function fish(entries: readonly Entry[]): string {
  const lines = entries.flatMap((entry) => {
    const condition = fishCondition(entry);
    const start = `complete -c calico-migrator -n '${condition}'`;
    const commands = entry.commands.map(
      ({ name, summary }) => `${start} -f -a ${name} -d ${quoted(summary)}`,
    );
    const options = entry.options.map(({ long, description, choices }) => {
      const values = choices.length === 0 ? "" : ` -x -a '${choices.join(" ")}'`;
      const file = FILE_OPTIONS.includes(long) ? " -r -F" : "";
      return `${start} -l ${long.replace(/^--/, "")}${values}${file} -d ${quoted(description)}`;
    });
    const runs = entry.takesRun ? [`${start} -f -a '(calico-migrator get -o name 2>/dev/null)'`] : [];
    return [...commands, ...options, ...runs];
  });
  return `# fish completion of calico-migrator\n${lines.join("\n")}\n`;
}

function fishCondition({ path, commands }: Entry): string {
  if (path === "") return "__fish_use_subcommand";
  const seen = path.split(" ").map((word) => `__fish_seen_subcommand_from ${word}`);
  const notYet =
    commands.length === 0
      ? []
      : [`not __fish_seen_subcommand_from ${commands.map(({ name }) => name).join(" ")}`];
  return [...seen, ...notYet].join("; and ");
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
