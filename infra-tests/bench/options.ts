import { join } from "node:path";
import { parseArgs } from "node:util";
import { errorMessage, MigratorError } from "../../shared/errors.ts";

/** What can be measured of the migration from etcd, in the order of measuring. */
export const MEASUREMENTS = ["copy", "checkpoints", "lock", "memory", "calicoctl"] as const;
export type EtcdMeasurementName = (typeof MEASUREMENTS)[number];

/** What can be measured of the migration to native CRDs, in the order of telling. */
export const CRDS_MEASUREMENTS = ["copy", "lock", "memory", "upstream", "comparison"] as const;
export type CrdsMeasurementName = (typeof CRDS_MEASUREMENTS)[number];

export type MeasurementName = EtcdMeasurementName | CrdsMeasurementName;

/** What a benchmark of the migration from etcd is to do. */
export interface BenchOptions {
  only: readonly EtcdMeasurementName[];
  /** How many resources for the copy, the lock and the memory, ascending. */
  sizes: readonly number[];
  /** How many resources for the checkpoints and the comparison with calicoctl. */
  resources: number;
  rounds: number;
  /** Where the JSON files go. */
  out: string;
}

/** What a benchmark of the migration to native CRDs is to do. */
export interface CrdsBenchOptions extends Omit<BenchOptions, "only" | "resources"> {
  only: readonly CrdsMeasurementName[];
  /** How many resources upstream's controller gets at most: it locks the datastore the longer the more there are. */
  resources: number;
}

/** What a benchmark of the deployed service is to do. */
export interface AwsBenchOptions {
  resources: number;
  rounds: number;
  /** How many messages that find nothing to do. */
  hops: number;
  out: string;
}

/** What can be measured: the migration from etcd, the one to native CRDs, or the first by the deployed service. */
const TARGETS = ["etcd", "crds", "aws"] as const;
export type Target = (typeof TARGETS)[number];

const USAGE =
  "usage: npm run bench -- etcd [--only copy,checkpoints,lock,memory,calicoctl] [--sizes 1000,10000,50000] " +
  "[--resources 10000] [--rounds 3] [--out bench-results] [--quick]\n" +
  "       npm run bench -- crds [--only copy,lock,memory,upstream,comparison] [--sizes 1000,10000,50000] " +
  "[--resources 10000] [--rounds 3] [--out bench-results] [--quick]\n" +
  "       npm run bench -- aws [--resources 2000] [--rounds 3] [--hops 20] [--out bench-results] [--quick]";

const OUT = "bench-results";
const FULL = { sizes: "1000,10000,50000", resources: "10000", rounds: "3", out: OUT };
const FULL_AWS = { resources: "2000", rounds: "3", hops: "20", out: OUT };
// Says whether everything still works; its figures mean nothing.
const QUICK = { sizes: "300,600", resources: "600", rounds: "1", out: join(OUT, "quick") };
const QUICK_CRDS = { ...QUICK, sizes: "300" };
const QUICK_AWS = { resources: "300", rounds: "1", hops: "5", out: join(OUT, "quick") };

/** What the command line says is to be measured. Throws MigratorError USAGE. */
export function targetOf(argv: readonly string[]): Target {
  const { positionals } = parse(argv);
  const target = TARGETS.find((name) => name === positionals[0]);
  if (target === undefined || positionals.length !== 1) {
    throw usage(`name what to measure: ${TARGETS.join(", ")}`);
  }
  return target;
}

/** Reads the command line for the deployed service. Throws MigratorError USAGE. */
export function parseAwsOptions(argv: readonly string[]): AwsBenchOptions {
  const values = valuesFor("aws", argv, ["only", "sizes"]);
  const given = { ...(values.quick ? QUICK_AWS : FULL_AWS), ...values };
  return {
    resources: positive("--resources", given.resources),
    rounds: positive("--rounds", given.rounds),
    hops: positive("--hops", given.hops),
    out: given.out,
  };
}

/** Reads the command line for the migration from etcd. Throws MigratorError USAGE. */
export function parseOptions(argv: readonly string[]): BenchOptions {
  const values = valuesFor("etcd", argv, ["hops"]);
  const given = { ...(values.quick ? QUICK : FULL), ...values };
  return { only: selected(MEASUREMENTS, given.only), ...sizesOf(given) };
}

/** Reads the command line for the migration to native CRDs. Throws MigratorError USAGE. */
export function parseCrdsOptions(argv: readonly string[]): CrdsBenchOptions {
  const values = valuesFor("crds", argv, ["hops"]);
  const given = { ...(values.quick ? QUICK_CRDS : FULL), ...values };
  return { only: selected(CRDS_MEASUREMENTS, given.only), ...sizesOf(given) };
}

function sizesOf(given: typeof FULL): Omit<BenchOptions, "only"> {
  return {
    sizes: given.sizes
      .split(",")
      .map((size) => positive("--sizes", size))
      .sort((a, b) => a - b),
    resources: positive("--resources", given.resources),
    rounds: positive("--rounds", given.rounds),
    out: given.out,
  };
}

function valuesFor(
  target: Target,
  argv: readonly string[],
  foreign: readonly ("only" | "sizes" | "hops")[],
): ReturnType<typeof parse>["values"] {
  if (targetOf(argv) !== target) throw usage(`this measures ${target}`);
  const { values } = parse(argv);
  const wrong = foreign.find((name) => values[name] !== undefined);
  if (wrong !== undefined) throw usage(`--${wrong} is not for ${target}`);
  return values;
}

function parse(argv: readonly string[]) {
  try {
    const text = { type: "string" } as const;
    return parseArgs({
      args: [...argv],
      allowPositionals: true,
      options: {
        ...{ only: text, sizes: text, resources: text, rounds: text, hops: text, out: text },
        quick: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw usage(errorMessage(error));
  }
}

function selected<Name extends string>(all: readonly Name[], only: string | undefined): Name[] {
  const named = only?.split(",") ?? [...all];
  const unknown = named.find((name) => !all.some((known) => known === name));
  if (unknown !== undefined) throw usage(`--only: there is no measurement "${unknown}"`);
  return all.filter((name) => named.includes(name));
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw usage(`${option}: "${text}" is not a positive number`);
  return value;
}

function usage(message: string): MigratorError {
  return new MigratorError("USAGE", message, { next: USAGE });
}
