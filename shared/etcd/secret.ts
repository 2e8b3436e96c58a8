/** A value that does not show in logs: neither `console.log`, nor `util.inspect`, nor `JSON.stringify` print it. */
export class Secret<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  reveal(): T {
    return this.#value;
  }
}
