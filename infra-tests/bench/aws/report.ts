import { atMost, type Goal } from "../report/goals.ts";
import { median } from "../report/statistics.ts";
import { figure, seconds, type Table } from "../report/table.ts";
import { bill, forAll, modelOf, total, usageFor } from "./cost.ts";
import type { Hops } from "./hops.ts";
import { CONCURRENCY, type ModeRun } from "./modes.ts";
import { PRICES, PRICES_DATE, PRICES_SOURCE } from "./prices.ts";
import type { ServiceUsage } from "./usage.ts";

/** The same migration in both modes, one right after the other. */
export interface Round {
  embedded: ModeRun;
  service: ModeRun;
  used: ServiceUsage;
}

/** All that was measured. */
export interface AwsMeasurement {
  resources: number;
  rounds: readonly Round[];
  /** A run of fewer resources, which tells what does not depend on their number. */
  small: { copied: number; used: ServiceUsage };
  hops: Hops;
}

/** What was measured, for people. */
export interface AwsReport {
  title: string;
  tables: readonly Table[];
  goals: readonly Goal[];
  notes: readonly string[];
}

const COST_GOAL_USD = 0.05;
const COST_RESOURCES = 10_000;
const KUBERNETES_GOAL = 1.2;
const PER = 1_000;

/** The tables, goals and notes of a measurement. */
export function awsReport(measurement: AwsMeasurement): AwsReport {
  const { resources, rounds } = measurement;
  const costs = costsOf(measurement);
  const ratio = median(rounds.map(({ embedded, service }) => kubernetesMs(service) / kubernetesMs(embedded)));
  return {
    title: `${figure(resources)} resources by the deployed service, on LocalStack`,
    tables: [
      costTable(costs),
      modesTable(rounds),
      kubernetesTable(rounds),
      emulatorTable(measurement),
      hopTable(measurement.hops),
    ],
    goals: [
      atMost(`US dollars for ${figure(COST_RESOURCES)} resources`, costs.usd, COST_GOAL_USD),
      atMost("time at the Kubernetes API server over that of the embedded mode", ratio, KUBERNETES_GOAL),
    ],
    notes: notes(measurement),
  };
}

function kubernetesMs({ kubernetes }: ModeRun): number {
  return kubernetes.requestMs;
}

interface Costs {
  rows: readonly { item: string; fixed: number; per: number; quantity: number; usd: number }[];
  usd: number;
  /** As if DynamoDB had answered at once. */
  usdWithoutEmulator: number;
}

function costsOf({ rounds, small }: AwsMeasurement): Costs {
  const usage = forAll((name) => median(rounds.map(({ used }) => used.usage[name])));
  const copied = median(rounds.map(({ service }) => service.copied));
  const model = modelOf({ resources: small.copied, usage: small.used.usage }, { resources: copied, usage });
  const lines = bill(usageFor(model, COST_RESOURCES));
  const [fixed, each] = [bill(model.fixed), bill(model.each)];
  const rows = lines.map((line, index) => ({
    ...line,
    fixed: fixed[index]?.quantity ?? NaN,
    per: (each[index]?.quantity ?? NaN) * PER,
  }));
  const usd = total(lines);
  return { rows, usd, usdWithoutEmulator: usd - waitingUsd(lines, rounds) };
}

/** What is paid for functions that wait for the emulator's DynamoDB. */
function waitingUsd(lines: ReturnType<typeof bill>, rounds: readonly Round[]): number {
  const share = median(rounds.map(({ used }) => Math.min(1, used.table.ms / used.functionMs)));
  const duration = lines.find(({ item }) => item === PRICES.gigabyteSeconds.item);
  return (duration?.usd ?? NaN) * share;
}

function costTable({ rows, usd, usdWithoutEmulator }: Costs): Table {
  return {
    head: ["used", "each run", `per ${figure(PER)}`, `for ${figure(COST_RESOURCES)}`, "USD for it"],
    rows: [
      ...rows.map((row) => [
        row.item,
        amount(row.fixed),
        amount(row.per),
        amount(row.quantity),
        figure(row.usd, 5),
      ]),
      ["all", "", "", "", figure(usd, 5)],
      ["all, had the emulator's DynamoDB answered at once", "", "", "", figure(usdWithoutEmulator, 5)],
    ],
  };
}

function amount(value: number): string {
  return figure(value, value < 1 ? 4 : value < 100 ? 1 : 0);
}

function modesTable(rounds: readonly Round[]): Table {
  const head = ["round", "mode", "whole run s", "copy s", "copied /s", "busy before"];
  const rows = rounds.flatMap((round, index) =>
    (["embedded", "service"] as const).map((mode) => {
      const { runMs, copyMs, copied, load } = round[mode];
      const speed = figure((copied * 1000) / copyMs);
      return [String(index + 1), mode, seconds(runMs), seconds(copyMs), speed, figure(load.busy, 2)];
    }),
  );
  return { head, rows };
}

function kubernetesTable(rounds: readonly Round[]): Table {
  const row = (name: string, of: (run: ModeRun) => number, digits: number): string[] => {
    const [embedded, service] = (["embedded", "service"] as const).map((mode) =>
      median(rounds.map((round) => of(round[mode]))),
    );
    const ratio = median(rounds.map((round) => of(round.service) / of(round.embedded)));
    return [name, figure(embedded ?? NaN, digits), figure(service ?? NaN, digits), figure(ratio, 2)];
  };
  return {
    head: ["at the Kubernetes API server, medians", "embedded", "service", "ratio"],
    rows: [
      row("requests for Calico's resources", ({ kubernetes }) => kubernetes.requests, 0),
      row("time of these requests, s", (run) => kubernetesMs(run) / 1000, 2),
      row("time of one, ms", ({ kubernetes: { requestMs, requests } }) => requestMs / requests, 2),
      row("CPU time of the API server, s", ({ kubernetes }) => kubernetes.cpuMs / 1000, 2),
    ],
  };
}

function emulatorTable({ rounds, hops }: AwsMeasurement): Table {
  const of = (value: (round: Round) => number): number => median(rounds.map(value));
  const way = median(hops.onTheWayMs);
  return {
    head: ["of the service's run, medians", "number", "ms each", "s together"],
    rows: [
      [
        "functions at work",
        figure(of(({ used }) => used.messages)),
        figure(of(({ used }) => used.functionMs / used.messages)),
        seconds(of(({ used }) => used.functionMs)),
      ],
      [
        "of it the emulator: requests to DynamoDB",
        figure(of(({ used }) => used.table.requests)),
        figure(
          of(({ used }) => used.table.ms / used.table.requests),
          1,
        ),
        seconds(of(({ used }) => used.table.ms)),
      ],
      [
        "besides, the emulator: messages on the way",
        figure(of(({ used }) => used.messages)),
        figure(way),
        seconds(of(({ used }) => used.messages * way)),
      ],
    ],
  };
}

function hopTable({ onTheWayMs, used }: Hops): Table {
  const handler = used.functionMs / used.messages;
  const table = used.table.ms / used.messages;
  return {
    head: ["a hop with nothing to do", "ms"],
    rows: [
      ["on the way: SQS, poller, invocation (median)", figure(median(onTheWayMs), 1)],
      ["the handler (mean)", figure(handler, 1)],
      [`of it DynamoDB, ${figure(used.table.requests / used.messages, 1)} requests`, figure(table, 1)],
      ["of it the function's own", figure(handler - table, 1)],
    ],
  };
}

function notes({ rounds, small }: AwsMeasurement): string[] {
  const { batches, requestsEach } = CONCURRENCY;
  return [
    `prices of ${PRICES_DATE}: ${PRICES_SOURCE}`,
    `what is used in each run, and what for resources, is the line through runs that copied ${figure(small.copied)} and ${figure(rounds[0]?.service.copied ?? NaN)}`,
    "Lambda is billed for the time that the functions took here, the waiting for the emulator's DynamoDB included",
    "Lambda's own requests to SQS, two for each message, are added, not counted; so are write units for conditions in transactions",
    "not in it: what the stack costs without runs (the key, secrets, alarms, metrics, polling empty queues, sweeps each minute), requests to KMS, transfer",
    `both modes: ${batches} batches at once, ${requestsEach} requests under way for each; the API server shares this machine with the emulator, and goes before it where root runs this`,
    "the time of requests is the API server's own measurement, from arrival to answer, without watches",
    "several messages are on the way, and several requests to DynamoDB under way, at once: these times do not add up to the run's",
    ...(rounds.length < 3 ? ["fewer than three rounds: chance decides"] : []),
  ];
}
