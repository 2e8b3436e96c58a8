import { type Priced, PRICES } from "./prices.ts";

/** How much of everything that has a price a migration used. */
export type Usage = Readonly<Record<Priced, number>>;

/** One line of a bill. */
export interface CostLine {
  item: string;
  quantity: number;
  usd: number;
}

/** The bill for a usage, in the order of the prices. */
export function bill(usage: Usage): CostLine[] {
  return (Object.keys(PRICES) as Priced[]).map((name) => {
    const { item, usd, per } = PRICES[name];
    return { item, quantity: usage[name], usd: (usage[name] * usd) / per };
  });
}

/** What a bill comes to. US dollars. */
export function total(lines: readonly CostLine[]): number {
  return lines.reduce((sum, { usd }) => sum + usd, 0);
}

/** What was used at one size. */
export interface SizedUsage {
  resources: number;
  usage: Usage;
}

/** What a migration uses whatever its size, and for each resource. */
export interface UsageModel {
  fixed: Usage;
  each: Usage;
}

/** The line through two measured sizes; nothing in it is less than nothing. Throws an Error for one size given twice. */
export function modelOf(small: SizedUsage, large: SizedUsage): UsageModel {
  const more = large.resources - small.resources;
  if (more <= 0) throw new Error(`${large.resources} resources are not more than ${small.resources}`);
  const each = forAll((name) => Math.max(0, (large.usage[name] - small.usage[name]) / more));
  const fixed = forAll((name) => Math.max(0, small.usage[name] - each[name] * small.resources));
  return { fixed, each };
}

/** What a migration of so many resources uses. */
export function usageFor({ fixed, each }: UsageModel, resources: number): Usage {
  return forAll((name) => fixed[name] + each[name] * resources);
}

/** A usage, item by item. */
export function forAll(of: (name: Priced) => number): Usage {
  const names = Object.keys(PRICES) as Priced[];
  return Object.fromEntries(names.map((name) => [name, of(name)])) as Record<Priced, number>;
}
