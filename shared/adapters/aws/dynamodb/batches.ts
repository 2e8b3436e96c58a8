import type { BatchRecord, BatchRef, Lease, StageRecord, StageRef } from "../../../engine/records.ts";
import { batchClosing, type BatchItem, batchUpdate, toBatch } from "./batch-item.ts";
import { batchKey, rangeOf, batchPartition } from "./keys.ts";
import type { Leases } from "./leases.ts";
import { AGAIN, untilSettled } from "./retry.ts";
import { closedUpdate, toStage } from "./stage-item.ts";
import type { Stages } from "./stages.ts";
import type { Table } from "./table.ts";

/** Batches, one item each. A batch is there once its stage counts it: its number is below the stage's `batches`. */
export class Batches {
  readonly #table: Table;
  readonly #leases: Leases;
  readonly #stages: Stages;

  constructor(table: Table, leases: Leases, stages: Stages) {
    this.#table = table;
    this.#leases = leases;
    this.#stages = stages;
  }

  async get(ref: BatchRef): Promise<BatchRecord | undefined> {
    const item = await this.#table.get<BatchItem>(batchKey(ref));
    if (item?.opening === undefined) return item && toBatch(ref, item);
    const stage = await this.#stages.find(ref);
    if (stage === undefined || ref.batch >= stage.batches) return undefined;
    // Read again, as it may have been written again before it was counted.
    const counted = await this.#table.get<BatchItem>(batchKey(ref));
    return counted && toBatch(ref, counted);
  }

  async listOpen(ref: StageRef, query: { after?: number; limit: number }): Promise<BatchRecord[]> {
    const stage = await this.#stages.find(ref);
    const first = (query.after ?? -1) + 1;
    if (stage === undefined || stage.openBatches === 0 || first >= stage.batches) return [];
    const range = {
      ...rangeOf(batchPartition(ref), "BATCH#"),
      first: batchKey({ ...ref, batch: first }).sk,
      last: batchKey({ ...ref, batch: stage.batches - 1 }).sk,
    };
    const filter = {
      expression: "#state = :open",
      names: { "#state": "state" },
      values: { ":open": "open" },
    };
    const open: BatchRecord[] = [];
    for await (const page of this.#table.query<BatchItem>({ range, filter })) {
      open.push(...page.map((item) => toBatch(ref, item)));
      if (open.length >= query.limit) break;
    }
    return open.slice(0, query.limit);
  }

  /** Does nothing to a batch that is not open. */
  async save(batch: BatchRecord, lease: Lease): Promise<void> {
    await this.#leases.write(lease, () => [batchUpdate(batch)]);
  }

  /** The stage as this closing left it: of several at the same time, one and only one sees that none is open any more. */
  close(
    ref: BatchRef,
    as: "done" | "cancelled",
    counts: Readonly<Record<string, number>>,
    lease: Lease,
  ): Promise<StageRecord | undefined> {
    return untilSettled(this.#table.retry, `closing a batch of stage "${ref.stage}"`, async () => {
      const stage = await this.#stages.find(ref);
      if (stage === undefined || ref.batch >= stage.batches) {
        await this.#leases.ensureHeld(lease);
        return undefined;
      }
      const { after, action } = closedUpdate(ref, stage, counts);
      const refusals = await this.#leases.write(lease, () => [batchClosing(ref, as), action]);
      if (refusals === undefined) return toStage(ref, after);
      return refusals[0] === undefined ? AGAIN : undefined;
    });
  }
}
