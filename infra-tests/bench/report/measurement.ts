import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "../../../shared/json.ts";
import type { MeasurementName } from "../options.ts";
import { type Goal, goalLine } from "./goals.ts";
import { machineFacts } from "./machine.ts";
import { renderTable, type Table } from "./table.ts";

/** What a measurement found. */
export interface Measurement {
  name: MeasurementName;
  title: string;
  tables: readonly Table[];
  goals: readonly Goal[];
  /** What one must know to read the tables. */
  notes: readonly string[];
  /** All that was measured, round by round, with the load at the start of each. */
  data: JsonObject;
}

/** The measurement for people. */
export function measurementText({ title, tables, goals, notes }: Measurement): string {
  const parts = [
    `## ${title}\n`,
    ...tables.map(renderTable),
    ...(goals.length === 0 ? [] : [`${goals.map(goalLine).join("\n")}\n`]),
    ...(notes.length === 0 ? [] : [`${notes.map((note) => `note: ${note}`).join("\n")}\n`]),
  ];
  return `${parts.join("\n")}\n`;
}

/** Which migration is measured. */
export type Bench = "etcd" | "crds";

/** Writes the measurement to `<bench>-<name>.json` in a folder, with what it depends on; returns the path. */
export function writeMeasurement(folder: string, bench: Bench, measurement: Measurement): string {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${bench}-${measurement.name}.json`);
  const facts = { date: new Date().toISOString(), machine: machineFacts(), versions: versions() };
  const content = { ...measurement, ...facts };
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`);
  return path;
}

function versions(): JsonObject {
  const path = new URL("../../../package.json", import.meta.url);
  const { version, dependencies } = JSON.parse(readFileSync(path, "utf8")) as {
    version: string;
    dependencies: Record<string, string>;
  };
  return { calicoMigrator: version, undici: dependencies["undici"], etcd3: dependencies["etcd3"] };
}
