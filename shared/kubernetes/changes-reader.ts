import { parseExactJson } from "../exact-json.ts";
import { isJsonObject, type JsonObject } from "../json.ts";
import { errorOfAnswer, unreadableAnswer } from "./answers.ts";
import { numberAt, objectAt, textAt } from "./fields.ts";
import { resourcePath } from "./paths.ts";
import { compareVersions } from "./resource-versions.ts";
import type { Change, Changes, ResourceRef } from "./types.ts";

interface ReaderOptions {
  ref: ResourceRef;
  /** The version after which events are wanted. */
  from: string;
  /** The version that has to be reached. */
  goal: string;
  limit: number | undefined;
}

const defaultLimit = 1000;
/** So that a thousand large objects do not fill the memory: characters of JSON. */
const maxCharacters = 16 * 1024 * 1024;

/** Collects the events of watches until the goal or the limit is reached. */
export class ChangeReader {
  readonly #path: string;
  readonly #goal: string;
  readonly #limit: number;
  readonly #events: Change[] = [];
  #version: string;
  #characters = 0;

  constructor({ ref, from, goal, limit = defaultLimit }: ReaderOptions) {
    this.#path = resourcePath(ref);
    this.#goal = goal;
    this.#limit = limit;
    this.#version = from;
  }

  /** From where the next watch goes on. */
  get version(): string {
    return this.#version;
  }

  /** True when no further event is wanted. */
  get enough(): boolean {
    return this.#reached || this.#full;
  }

  /** Takes the text of one event; false when that was enough. Throws what an ERROR event says, in the API's codes. */
  take(text: string): boolean {
    const event = this.#parse(text);
    const object = objectAt(event, "object");
    const type = textAt(event, "type");
    if (type === "ERROR") throw errorOfAnswer("GET", this.#path, statusAnswer(object));
    this.#advance(textAt(object, "metadata", "resourceVersion"));
    if (type === "BOOKMARK") return !this.enough;
    this.#events.push({ type: type === "DELETED" ? "deleted" : "put", object });
    this.#characters += text.length;
    return !this.enough;
  }

  result(): Changes {
    return { events: this.#events, resourceVersion: this.#version, more: !this.#reached };
  }

  get #reached(): boolean {
    return compareVersions(this.#version, this.#goal) >= 0;
  }

  get #full(): boolean {
    return this.#events.length >= this.#limit || this.#characters >= maxCharacters;
  }

  /** A bookmark of a server that lags behind may be older than what another has told. */
  #advance(version: string): void {
    if (compareVersions(version, this.#version) > 0) this.#version = version;
  }

  #parse(text: string): JsonObject {
    try {
      const event = parseExactJson(text);
      if (isJsonObject(event) && typeof event["type"] === "string") return event;
    } catch {
      // Not JSON: told below.
    }
    throw unreadableAnswer("GET", this.#path, 200);
  }
}

/** The Status of an ERROR event as the answer that it would have been before the stream began. */
function statusAnswer(status: JsonObject): { status: number; retryAfter: undefined; text: string } {
  return { status: numberAt(status, "code") || 500, retryAfter: undefined, text: JSON.stringify(status) };
}
