import type { Lease, StageRecord, StageRef } from "../../../engine/records.ts";
import { ABSENT } from "./actions.ts";
import { type Key, rangeOf, runPartition, stageKey, stageRefOf } from "./keys.ts";
import type { Leases } from "./leases.ts";
import { AGAIN, untilSettled } from "./retry.ts";
import { newStageItem, type StageItem, stageUpdate, toStage } from "./stage-item.ts";
import type { Table } from "./table.ts";

/** Stages, one item each. */
export class Stages {
  readonly #table: Table;
  readonly #leases: Leases;

  constructor(table: Table, leases: Leases) {
    this.#table = table;
    this.#leases = leases;
  }

  find(ref: StageRef): Promise<StageItem | undefined> {
    return this.#table.get<StageItem>(stageKey(ref));
  }

  async get(ref: StageRef): Promise<StageRecord | undefined> {
    const item = await this.find(ref);
    return item && toStage(ref, item);
  }

  /** In the order in which they were saved first. */
  async list(runId: string): Promise<StageRecord[]> {
    const items = await this.#items(runId);
    return items.sort((a, b) => a.place - b.place).map((item) => toStage(stageRefOf(runId, item), item));
  }

  save(stage: StageRecord, lease: Lease): Promise<void> {
    return untilSettled(this.#table.retry, `stage "${stage.stage}"`, async () => {
      const saved = await this.#leases.write(lease, () => [stageUpdate(stage)]);
      if (saved === undefined) return;
      const place = (await this.#items(stage.runId)).length;
      const put = newStageItem(stage, place);
      const created = await this.#leases.write(lease, () => [{ put, if: ABSENT }]);
      return created === undefined ? undefined : AGAIN;
    });
  }

  async #items(runId: string): Promise<(StageItem & Key)[]> {
    const items: (StageItem & Key)[] = [];
    const range = rangeOf(runPartition(runId), "STAGE#");
    for await (const page of this.#table.query<StageItem & Key>({ range })) items.push(...page);
    return items;
  }
}
