import { identityForPods } from "../../../../calico/native/written-for-pods.ts";
import { Tally } from "../../../../engine/approvals.ts";
import type { Hidden } from "./compare.ts";

const NAMED = 20;

/** What tells a change from every other, and from a further one of the same object, as far as a person is asked again for that. */
export function identityOf({ kind, id, meaning }: Omit<Hidden, "how">): string {
  return identityForPods(kind, id) ?? `${id} ${meaning}`;
}

/** How many changes would be hidden, the first of them, and the fingerprint of all. */
export class HiddenList {
  count = 0;
  readonly first: string[] = [];
  readonly #tally = new Tally();
  readonly #forPods = new Set<string>();

  add(hidden: Hidden): void {
    this.count++;
    if (this.first.length < NAMED) this.first.push(`${hidden.id} (${hidden.how})`);
    const identity = identityOf(hidden);
    if (this.#forPods.has(identity)) return;
    if (identityForPods(hidden.kind, hidden.id) !== undefined) this.#forPods.add(identity);
    this.#tally.add(identity);
  }

  get fingerprint(): string {
    return this.#tally.fingerprint;
  }
}
