import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { Pool } from "undici";
import { isJsonObject, type JsonObject } from "../../../shared/json.ts";
import { objectAt } from "../../../shared/kubernetes/fields.ts";
import { type Form, objectIn } from "./forms.ts";
import { SERVED_VERSION, type ServedKind } from "./kinds.ts";
import { Unreadable } from "./metadata.ts";
import { shown } from "./objects.ts";

/** A watch of the old group that is answered as one of the served group. */
export interface WatchRequest {
  /** Path and query of the watch of the old group. */
  path: string;
  token: string;
  served: ServedKind;
  form: Form;
}

/** Relays a watch until either side ends it: event for event, so versions are those of the old group. */
export async function relayWatch(
  pool: Pool,
  { path, token, served, form }: WatchRequest,
  to: ServerResponse,
): Promise<void> {
  const ended = new AbortController();
  to.once("close", () => {
    ended.abort();
  });
  const headers = { authorization: `Bearer ${token}`, accept: "application/json" };
  const answer = await pool.request({ method: "GET", path, headers, signal: ended.signal, bodyTimeout: 0 });
  to.writeHead(answer.statusCode, { "content-type": "application/json" });
  to.flushHeaders();
  if (answer.statusCode === 200) {
    const translate = (event: JsonObject) => shownEvent(event, served, form);
    await relayLines(answer.body, to, translate, ended.signal);
  } else to.write(await answer.body.text());
  to.end();
}

async function relayLines(
  body: Readable,
  to: ServerResponse,
  translate: (event: JsonObject) => JsonObject | undefined,
  signal: AbortSignal,
): Promise<void> {
  for await (const line of createInterface({ input: body, crlfDelay: Infinity })) {
    const event: unknown = JSON.parse(line);
    const translated = isJsonObject(event) ? translate(event) : undefined;
    if (translated === undefined) continue;
    if (!to.write(`${JSON.stringify(translated)}\n`)) await once(to, "drain", { signal });
  }
}

/** An event of the old group as one of the served group; undefined for objects that Calico cannot read. */
function shownEvent(event: JsonObject, served: ServedKind, form: Form): JsonObject | undefined {
  const object = objectAt(event, "object");
  switch (event["type"]) {
    case "ERROR":
      return event;
    case "BOOKMARK": {
      const metadata = objectAt(object, "metadata");
      const bookmark = { kind: served.kind, apiVersion: SERVED_VERSION, metadata };
      return { ...event, object: objectIn(form, bookmark) };
    }
    default:
      return shownChange(event, object, served, form);
  }
}

function shownChange(
  event: JsonObject,
  object: JsonObject,
  served: ServedKind,
  form: Form,
): JsonObject | undefined {
  try {
    return { ...event, object: objectIn(form, shown(object, served)) };
  } catch (error) {
    if (error instanceof Unreadable) return undefined;
    throw error;
  }
}
