import type { OutputFlags } from "./options/common.ts";

/** The words that name the same place on another command line. */
export function placeWords({ store, aws, profile, region }: OutputFlags): string[] {
  return [
    ...(store === undefined ? [] : ["--store", store]),
    ...(profile === undefined ? [] : ["--profile", profile]),
    ...(aws === undefined ? [] : [aws === true ? "--aws" : `--aws=${aws}`]),
    ...(region === undefined ? [] : ["--region", region]),
  ];
}

/** A word as a shell takes it. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
