/** A flag as it is written on a command line: `--batch-size` for `batchSize`. */
export function optionName(flag: string): string {
  return `--${flag.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
