import type { Command } from "commander";

/** The shells that are helped. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof SHELLS)[number];

interface Entry {
  /** The words before, for example `clusters add`. */
  path: string;
  commands: { name: string; summary: string }[];
  options: OptionEntry[];
  /** What its arguments are called, such as `run`. */
  takes: string[];
  /** What an argument may be, where that is fixed. */
  choices: readonly string[];
}

interface OptionEntry {
  short: string | undefined;
  long: string;
  description: string;
  choices: readonly string[];
  /** True when the next word is its value. */
  hasValue: boolean;
}

/** The migrations that are completed, with their stages. */
export type Stages = Readonly<Record<string, readonly string[]>>;

/**
 * A script that completes commands, options, values and files, and, by asking the program in the place that the line names,
 * runs and clusters.
 */
export function completionScript(shell: Shell, program: Command, stages: Stages): string {
  const entries = entriesOf(program, "");
  switch (shell) {
    case "bash":
      return `# bash completion of calico-migrator\n${offers(entries, stages)}${BASH}`;
    case "zsh":
      return `#compdef calico-migrator\n${offers(entries, stages)}${ZSH}`;
    case "fish":
      return fish(entries, stages);
  }
}

function entriesOf(command: Command, path: string): Entry[] {
  const commands = command.commands.map((one) => ({ name: one.name(), summary: one.summary() }));
  const options = command.options.filter(({ hidden }) => !hidden);
  const entry = {
    path,
    commands,
    options: options.map(({ short, long, description, argChoices, required }) => ({
      ...{ short, long: long ?? "", description, choices: argChoices ?? [], hasValue: required },
    })),
    takes: command.registeredArguments.map((one) => one.name()),
    choices: command.registeredArguments[0]?.argChoices ?? [],
  };
  return [entry, ...command.commands.flatMap((one) => entriesOf(one, `${path} ${one.name()}`.trim()))];
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
const STAGE_OPTIONS = ["--stop-before", "--approve", "--yes"];

const RUNS = '$("$program" get -o name "${place[@]}" 2>/dev/null)';
const CLUSTERS = '$("$program" clusters -o name "${place[@]}" 2>/dev/null)';

/**
 * A function of bash and of zsh: from the program, the option before (if its value follows with `=`) and the words before, it
 * sets `offer` to the words that may follow, or `files`. No variable has a name that is special in zsh, as `path` is.
 */
function offers(entries: readonly Entry[], stages: Stages): string {
  const all = [...new Set(Object.values(stages).flat())].join(" ");
  const names = Object.keys(stages);
  const routes = entries.filter(({ path }) => path !== "").map(({ path }) => `"${path}"`);
  const cases = entries.map((entry) => `    "${entry.path}") offer="${wordsOf(entry, names).join(" ")}" ;;`);
  const choices = choicesOf(entries).map(([flags, values]) => `    ${flags}) offer="${values.join(" ")}" ;;`);
  const ofMigration = Object.entries(stages).map(
    ([name, list]) => `    ${name}|${name}-*) stages="${list.join(" ")}" ;;`,
  );
  return `_calico_migrator_offer() {
  local program="$1" option="$2" route="" stages="${all}" before="" one
  local -a place
  place=()
  offer="" files=""
  shift 2
  for one in "$@"; do
    [ "$one" = "=" ] && continue
    case "$one" in "~/"*) one="$HOME/\${one#??}" ;; esac
    case "$before" in --store|--region|--profile) place+=("$before" "$one") ;; esac
    case "$one" in --store=*|--region=*|--profile=*|--aws|--aws=*) place+=("$one") ;; esac
    case "$before" in ${valued(entries).join("|")}) before=""; continue ;; esac
    before="$one"
    case "\${route:+$route }$one" in ${routes.join("|")}) route="\${route:+$route }$one" ;; esac
    case "$one" in
${ofMigration.join("\n")}
    esac
  done
  case "\${option:-$before}" in
${choices.join("\n")}
    ${STAGE_OPTIONS.slice(0, 2).join("|")}) offer="$stages" ;;
    --cluster) offer="${CLUSTERS}" ;;
    --migration) offer="${names.join(" ")}" ;;
    ${FILE_OPTIONS.join("|")}) files=1 ;;
    ${valued(entries).join("|")}) ;;
    *) [ "$option" = "--yes" ] && offer="$stages" && return
      case "$route" in
${cases.join("\n")}
      esac ;;
  esac
  return 0
}
`;
}

function wordsOf({ commands, options, takes, choices }: Entry, migrations: readonly string[]): string[] {
  return [
    ...commands.map(({ name }) => name),
    ...options.map(({ long }) => long),
    ...choices,
    ...(takes.includes("migration") ? migrations : []),
    ...(takes.some((name) => name === "run" || name === "backup") ? [RUNS] : []),
    ...(takes.includes("subjects") ? ["$stages"] : []),
    ...(takes.includes("name") ? [CLUSTERS] : []),
  ];
}

/** Options that a value follows. */
function valued(entries: readonly Entry[]): string[] {
  const found = entries.flatMap(({ options }) => options.filter(({ hasValue }) => hasValue));
  return [...new Set(found.flatMap(({ short, long }) => (short === undefined ? [long] : [short, long])))];
}

function choicesOf(entries: readonly Entry[]): [string, readonly string[]][] {
  const found = entries.flatMap(({ options }) => options.filter(({ choices }) => choices.length > 0));
  const named = found.map(({ short, long, choices }): [string, readonly string[]] => [
    short === undefined ? long : `${short}|${long}`,
    choices,
  ]);
  return [...new Map(named)];
}

/** bash takes \`--option=value\` for three words. */
const BASH = `_calico_migrator() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" last="$COMP_CWORD" option="" offer="" files=""
  if [ "$cur" = "=" ]; then
    cur=""; option="\${COMP_WORDS[COMP_CWORD-1]}"
  elif [ "$COMP_CWORD" -gt 2 ] && [ "\${COMP_WORDS[COMP_CWORD-1]}" = "=" ]; then
    option="\${COMP_WORDS[COMP_CWORD-2]}"
  fi
  _calico_migrator_offer "\${COMP_WORDS[0]}" "$option" "\${COMP_WORDS[@]:1:last-1}"
  if [ -n "$files" ]; then
    compopt -o filenames 2>/dev/null
    local IFS=$'\\n'
    COMPREPLY=($(compgen -f -- "$cur"))
  else
    COMPREPLY=($(compgen -W "$offer" -- "$cur"))
  fi
}
complete -F _calico_migrator calico-migrator
`;

/** Either sourced, or a file of fpath, which zsh runs at the first completion. */
const ZSH = `_calico_migrator() {
  local option="" offer="" files=""
  if [[ "$PREFIX" == --*=* ]]; then
    option="\${PREFIX%%=*}"
    compset -P '*='
  fi
  _calico_migrator_offer "\${words[1]}" "$option" "\${(@)words[2,CURRENT-1]}"
  if [[ -n "$files" ]]; then
    _files
  else
    compadd -- \${=offer}
  fi
}
if [[ "\${funcstack[1]}" == "_calico-migrator" ]]; then
  _calico_migrator "$@"
else
  (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
  compdef _calico_migrator calico-migrator
fi
`;

/** Functions of fish: what the program says in the place that the line names, and the stages of the migration that it names. */
function fishFunctions(stages: Stages): string {
  const all = [...new Set(Object.values(stages).flat())].join(" ");
  const ofMigration = Object.entries(stages).map(
    ([name, list]) =>
      `      case ${name} '${name}-*'\n        string split ' ' '${list.join(" ")}'\n        return`,
  );
  return `function __calico_migrator_ask
  set -l place
  set -l before ''
  for word in (commandline -opc | string replace -r '^~/' "$HOME/")
    switch "$before"
      case --store --region --profile
        set -a place $before $word
    end
    switch "$word"
      case '--store=*' '--region=*' '--profile=*' --aws '--aws=*'
        set -a place $word
    end
    set before $word
  end
  calico-migrator $argv $place 2>/dev/null
end
function __calico_migrator_stages
  for word in (commandline -opc)
    switch "$word"
${ofMigration.join("\n")}
    end
  end
  string split ' ' '${all}'
end
`;
}

const FISH_STAGES = "(__calico_migrator_stages)";
const FISH_RUNS = "(__calico_migrator_ask get -o name)";
const FISH_CLUSTERS = "(__calico_migrator_ask clusters -o name)";

function fish(entries: readonly Entry[], stages: Stages): string {
  const lines = entries.flatMap((entry) => {
    const condition = fishCondition(entry);
    const start = `complete -c calico-migrator -n '${condition}'`;
    const commands = entry.commands.map(
      ({ name, summary }) => `${start} -f -a ${name} -d ${quoted(summary)}`,
    );
    const options = entry.options.map((option) => {
      const { short, long, description } = option;
      const names = `${short === undefined ? "" : ` -s ${short.slice(1)}`} -l ${long.slice(2)}`;
      return `${start}${names}${fishValue(option)} -d ${quoted(description)}`;
    });
    const words = fishWords(entry, Object.keys(stages)).map((word) => `${start} -f -a '${word}'`);
    return [...commands, ...options, ...words];
  });
  return `# fish completion of calico-migrator\n${fishFunctions(stages)}${lines.join("\n")}\n`;
}

/** What follows an option: a file, one of these words, or anything, which nothing can be offered for. */
function fishValue({ long, choices, hasValue }: OptionEntry): string {
  if (FILE_OPTIONS.includes(long)) return " -r -F";
  if (STAGE_OPTIONS.slice(0, 2).includes(long)) return ` -x -a '${FISH_STAGES}'`;
  if (long === "--cluster") return ` -x -a '${FISH_CLUSTERS}'`;
  if (choices.length > 0) return ` -x -a '${choices.join(" ")}'`;
  return hasValue ? " -x" : "";
}

function fishWords({ takes, choices }: Entry, migrations: readonly string[]): string[] {
  const fixed = [...choices, ...(takes.includes("migration") ? migrations : [])];
  return [
    ...(fixed.length === 0 ? [] : [fixed.join(" ")]),
    ...(takes.some((name) => name === "run" || name === "backup") ? [FISH_RUNS] : []),
    ...(takes.includes("subjects") ? [FISH_STAGES] : []),
    ...(takes.includes("name") ? [FISH_CLUSTERS] : []),
  ];
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
