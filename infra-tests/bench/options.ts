import { join } from "node:path";
import { parseArgs } from "node:util";
import { errorMessage, MigratorError } from "../../shared/errors.ts";

/** What can be measured, in the order of measuring. */
export const MEASUREMENTS = ["copy", "checkpoints", "lock", "memory", "calicoctl"] as const;
export type MeasurementName = (typeof MEASUREMENTS)[number];

/** What a benchmark of the migration from etcd is to do. */
export interface BenchOptions {
  only: readonly MeasurementName[];
  /** How many resources for the lock and the memory, ascending. */
  sizes: readonly number[];
  /** How many resources for the copy, the checkpoints and the comparison with calicoctl. */
  resources: number;
  rounds: number;
  /** Where the JSON files go. */
  out: string;
}

const USAGE =
  "usage: npm run bench -- etcd [--only copy,checkpoints,lock,memory,calicoctl] [--sizes 1000,10000,50000] " +
  "[--resources 10000] [--rounds 3] [--out bench-results] [--quick]";

const FULL = { sizes: "1000,10000,50000", resources: "10000", rounds: "3", out: "bench-results" };
// Says whether everything still works; its figures mean nothing.
const QUICK = { sizes: "300,600", resources: "600", rounds: "1", out: join("bench-results", "quick") };

/** Reads the command line. Throws MigratorError USAGE. */
export function parseOptions(argv: readonly string[]): BenchOptions {
  const { positionals, values } = parse(argv);
  if (positionals.length !== 1 || positionals[0] !== "etcd") throw usage("name what to measure: etcd");
  const given = { ...(values.quick ? QUICK : FULL), ...values };
  return {
    only: selected(given.only),
    sizes: given.sizes
      .split(",")
      .map((size) => positive("--sizes", size))
      .sort((a, b) => a - b),
    resources: positive("--resources", given.resources),
    rounds: positive("--rounds", given.rounds),
    out: given.out,
  };
}

function parse(argv: readonly string[]) {
  try {
    const text = { type: "string" } as const;
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        ...{ only: text, sizes: text, resources: text, rounds: text, out: text },
        quick: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw usage(errorMessage(error));
  }
}

function selected(only: string | undefined): MeasurementName[] {
  const named = only?.split(",") ?? [...MEASUREMENTS];
  const unknown = named.find((name) => !MEASUREMENTS.some((known) => known === name));
  if (unknown !== undefined) throw usage(`--only: there is no measurement "${unknown}"`);
  return MEASUREMENTS.filter((name) => named.includes(name));
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw usage(`${option}: "${text}" is not a positive number`);
  return value;
}

function usage(message: string): MigratorError {
  return new MigratorError("USAGE", message, { next: USAGE });
}
