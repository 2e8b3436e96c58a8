import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isJsonObject, type JsonObject } from "../../shared/json.ts";
import { CATALOGUE, type CatalogueEntry } from "../catalogue.ts";

/** An example of a message; a command's and an event's is the CloudEvent, a work message's the body. */
export interface Example {
  file: string;
  entry: CatalogueEntry;
  message: JsonObject;
}

const FOLDER = join(import.meta.dirname, "..", "examples");

/** All examples. Their files are called by the message, with a word of their own where there are several. */
export function readExamples(): Example[] {
  return readdirSync(FOLDER).map((file) => {
    const entry = CATALOGUE.find(({ name }) => file.startsWith(`${name}.`));
    if (entry === undefined) throw new Error(`${file} is called like no message`);
    const message: unknown = JSON.parse(readFileSync(join(FOLDER, file), "utf8"));
    if (!isJsonObject(message)) throw new Error(`${file} is no object`);
    return { file, entry, message };
  });
}

/** The body of a queue's message that carries an example of work or of a command, as the bus delivers it. */
export function deliveryOf({ entry, message }: Example): string {
  if (entry.role === "work") return JSON.stringify(message);
  const [source, time, account, region] = [
    message["source"],
    message["time"],
    "111122223333",
    "eu-central-1",
  ];
  const id = "17793124-05d4-b198-2fde-7ededc63b103";
  const envelope = { version: "0", id, account, region, time, source, resources: [] };
  return JSON.stringify({ ...envelope, "detail-type": entry.name, detail: message });
}
