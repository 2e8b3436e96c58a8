import { stringify } from "yaml";
import type { OutputFlags } from "../options/common.ts";
import type { World } from "../world.ts";

/** What a command has to say, in each form that can be asked for. */
export interface Printable {
  /** The whole of it, for `json` and `yaml`. */
  document: object;
  /** For people; `wide` asks for more columns. */
  text: (wide: boolean) => string;
  /** One name a line, for `name`. */
  names: readonly string[];
}

/** Writes to standard output in the form that was asked for. */
export function print(world: Pick<World, "stdout">, flags: OutputFlags, printable: Printable): void {
  world.stdout.write(render(flags.output, printable));
}

function render(output: OutputFlags["output"], printable: Printable): string {
  switch (output) {
    case "json":
      return `${JSON.stringify(printable.document, null, 2)}\n`;
    case "yaml":
      return stringify(printable.document);
    case "name":
      return printable.names.map((name) => `${name}\n`).join("");
    case "wide":
    case "text":
      return printable.text(output === "wide");
  }
}
