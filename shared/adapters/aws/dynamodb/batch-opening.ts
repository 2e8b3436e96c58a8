import { randomUUID } from "node:crypto";
import type { PlanStep } from "../../../engine/ports.ts";
import type { BatchRef, Lease, StageRecord, StageRef } from "../../../engine/records.ts";
import { MAX_ACTIONS, MAX_BYTES } from "./actions.ts";
import { newBatchItem } from "./batch-item.ts";
import { stageKey } from "./keys.ts";
import type { Leases } from "./leases.ts";
import { type Item, sizeOf } from "./record-size.ts";
import { AGAIN, untilSettled } from "./retry.ts";
import { openedUpdate, openingUpdate, type StageItem, toStage } from "./stage-item.ts";
import type { Stages } from "./stages.ts";
import type { Table } from "./table.ts";

/** What a step of planning has opened. */
interface Opened {
  stage: StageRecord;
  opened: BatchRef[];
}

/**
 * Opens batches. Those of one step come to life together, when their stage counts them and takes over the cursor of
 * planning: what fits into one transaction is written with the stage; what does not is written before, in parts.
 *
 *     stage: opening = X      part 1      part 2      stage: batches + n, cursor, opening removed
 *                             (each on condition that the stage says opening = X, and counts as many as before)
 *
 * Parts of a step that was broken off are never counted; the next step overwrites them.
 */
export class BatchOpening {
  readonly #table: Table;
  readonly #leases: Leases;
  readonly #stages: Stages;

  constructor(table: Table, leases: Leases, stages: Stages) {
    this.#table = table;
    this.#leases = leases;
    this.#stages = stages;
  }

  open(ref: StageRef, step: PlanStep, lease: Lease): Promise<Opened> {
    const { runId, track, stage: name } = ref;
    return untilSettled(this.#table.retry, `opening batches of stage "${name}"`, async () => {
      const stage = await this.#stages.find(ref);
      if (stage === undefined) {
        await this.#leases.ensureHeld(lease);
        throw new Error(`stage "${name}" of run "${runId}" was never saved`);
      }
      const opened = step.batches.map((_, index) => ({
        runId,
        track,
        stage: name,
        batch: stage.batches + index,
      }));
      const items = step.batches.map((batch, index) =>
        newBatchItem({ runId, track, stage: name, batch: stage.batches + index }, batch),
      );
      const parts = inParts(items);
      const after =
        parts.length <= 1
          ? await this.#openAtOnce(ref, stage, step, parts[0] ?? [], lease)
          : await this.#openInParts(ref, stage, step, parts, lease);
      return after === undefined ? AGAIN : { stage: toStage(ref, after), opened };
    });
  }

  async #openAtOnce(
    ref: StageRef,
    stage: StageItem,
    step: PlanStep,
    items: readonly Item[],
    lease: Lease,
  ): Promise<StageItem | undefined> {
    const { after, action } = openedUpdate(ref, stage, step);
    const puts = items.map((put) => ({ put }));
    const refusals = await this.#leases.write(lease, () => [action, ...puts]);
    return refusals === undefined ? after : undefined;
  }

  async #openInParts(
    ref: StageRef,
    before: StageItem,
    step: PlanStep,
    parts: readonly Item[][],
    lease: Lease,
  ): Promise<StageItem | undefined> {
    const opening = randomUUID();
    if ((await this.#leases.write(lease, () => [openingUpdate(ref, before, opening)])) !== undefined)
      return undefined;
    const still = {
      expression: "opening = :opening AND batches = :batches",
      values: { ":opening": opening, ":batches": before.batches },
    };
    for (const part of parts) {
      const puts = part.map((item) => ({ put: { ...item, opening } }));
      const refusals = await this.#leases.write(lease, () => [{ check: stageKey(ref), if: still }, ...puts]);
      if (refusals !== undefined) return undefined;
    }
    return this.#count(ref, step, opening, lease);
  }

  /** Batches of earlier steps may be closed meanwhile, so the stage is read until nothing comes in between. */
  #count(ref: StageRef, step: PlanStep, opening: string, lease: Lease): Promise<StageItem | undefined> {
    return untilSettled(this.#table.retry, `counting batches of stage "${ref.stage}"`, async () => {
      const stage = await this.#stages.find(ref);
      if (stage?.opening !== opening) return undefined;
      const { after, action } = openedUpdate(ref, stage, step);
      const refusals = await this.#leases.write(lease, () => [action]);
      return refusals === undefined ? after : AGAIN;
    });
  }
}

/** Parts that fit into a transaction with the lease and the stage. */
function inParts(items: readonly Item[]): Item[][] {
  const parts: Item[][] = [];
  let bytes = 0;
  for (const item of items) {
    const part = parts.at(-1);
    bytes += sizeOf(item);
    if (part !== undefined && part.length < MAX_ACTIONS - 2 && bytes <= MAX_BYTES) part.push(item);
    else {
      parts.push([item]);
      bytes = sizeOf(item);
    }
  }
  return parts;
}
