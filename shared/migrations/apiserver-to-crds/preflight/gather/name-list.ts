import type { Listed } from "../facts.ts";

const NAMED = 20;

/** Counts names, and keeps the first of them. */
export class NameList {
  #count = 0;
  readonly #first: string[] = [];

  add(name: string): void {
    this.#count++;
    if (this.#first.length < NAMED) this.#first.push(name);
  }

  listed(): Listed {
    return { count: this.#count, first: this.#first };
  }
}
