/** A command line of the program that a page shows. */
export interface ShownLine {
  /** The line as it is shown. */
  text: string;
  /** What follows the program's name. */
  words: string[];
  /** True where the page leaves something out (`…`), or only speaks of the command: arguments may be missing then. */
  partial: boolean;
}

/** Before the program's name: a prompt, a sentence's start, a pipe, `$(`; `npx` in a clone. */
const IN_BLOCK = /^(?:\$ |next: |.*\| |.*\$\()?(?:npx )?calico-migrator ([^\n]*)/;
const INLINE = /`(?:npx )?calico-migrator ([^`\n]+)`/g;
const WORD = /'([^']*)'|"([^"]*)"|([|;&>)]+)|(#.*$)|((?:[^\s'"|;&>)\\]|\\.)+)/g;

/** Every command line of this program in a page of Markdown, in blocks of code and in sentences. */
export function linesIn(page: string): ShownLine[] {
  const blocks = [...page.matchAll(/^```[a-z]*\n(.*?)^```$/gms)].map(([, block = ""]) => block);
  const shown = blocks
    .flatMap((block) => block.replaceAll(/\\\n/g, " ").split("\n"))
    .flatMap((line) => IN_BLOCK.exec(line)?.[1] ?? []);
  const spoken = [...page.matchAll(INLINE)].map(([, line = ""]) => line.replaceAll("\\|", "|"));
  return [...shown.map((line) => lineOf(line, false)), ...spoken.map((line) => lineOf(line, true))];
}

function lineOf(text: string, partial: boolean): ShownLine {
  const all: string[] = [];
  for (const [whole, single, double, operator, comment] of text.matchAll(WORD)) {
    if (operator !== undefined || comment !== undefined) break;
    all.push(single ?? double ?? whole);
  }
  const words = all.filter((word) => word !== "…");
  return { text, words, partial: partial || words.length < all.length };
}
